"""Mixes: several selections interleaved by a fixed schedule, in which any position is known without walking to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from themisdb_datasets.engine.selections.criteria import Criterion, condition_document, parse_condition
from themisdb_datasets.errors import ImpossibleError
from themisdb_datasets.vectors import Ints, Words

MAX_PARTS = 64
PERIOD = 10_000  # proportions are shared out over so many places, which then repeat
STOPS = ("first_exhausted", "all_exhausted")


@dataclass(frozen=True)
class MixPart:
    """One theme of a mix: the condition it adds, and how many places of the schedule's period it has."""

    name: str
    condition: Criterion
    share: int

    def to_document(self) -> dict[str, Any]:
        return {"name": self.name, "condition": condition_document(self.condition), "share": self.share}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "MixPart":
        """The part that `to_document` wrote."""
        return cls(document["name"], parse_condition(document["condition"]), document["share"])


@dataclass(frozen=True)
class Mix:
    """Parts, and when the mix ends: before the first part would repeat itself, or when all have come once."""

    parts: tuple[MixPart, ...]
    stop: str = "first_exhausted"

    def to_document(self) -> dict[str, Any]:
        return {"stop": self.stop, "parts": [part.to_document() for part in self.parts]}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Mix":
        """The mix that `to_document` wrote."""
        return cls(tuple(MixPart.from_document(part) for part in document["parts"]), document["stop"])

    def over(self, sizes: Sequence[int]) -> "Schedule":
        """The schedule for parts of so many samples; ImpossibleError for one that has none."""
        for part, size in zip(self.parts, sizes, strict=True):
            if not size:
                raise empty_part(part.name)
        return Schedule([part.share for part in self.parts], sizes, self.stop)


class Schedule:
    """Which part has which position, and which of its samples.

    Part t with c of the W places of a period has its j-th place where (j + 1/2) * W / c falls among those of the
    others, so that at every position each part is within a few samples of its proportion.
    """

    def __init__(self, shares: Sequence[int], sizes: Sequence[int], stop: str) -> None:
        self.shares = np.array(shares, np.int64)
        self.sizes = np.array(sizes, np.int64)
        part = np.repeat(np.arange(len(shares)), self.shares)
        rank = np.concatenate([np.arange(share) for share in shares])
        # One division of doubles, which IEEE 754 rounds alike everywhere; where two fall on one place, the
        # first part goes first.
        order = np.lexsort((part, (rank + 0.5) / self.shares[part]))
        self._part, self._rank = part[order], rank[order]
        self.num_samples = self._length(stop)

    @property
    def period(self) -> int:
        """How many positions there are before the schedule repeats."""
        return len(self._part)

    @cached_property
    def _places(self) -> list[Ints]:
        """For each part, its places in the period."""
        return [np.flatnonzero(self._part == part) for part in range(len(self.shares))]

    def at(self, positions: Words) -> tuple[Ints, Ints]:
        """Part and index within the part, beyond its size where it repeats, at positions uint64 [n]."""
        period, place = np.divmod(positions.view(np.int64), np.int64(self.period))
        part = self._part[place]
        return part, period * self.shares[part] + self._rank[place]

    def served(self, stop: int | None = None) -> list[int]:
        """How many samples of each part come before position `stop`, or in all."""
        periods, rest = divmod(self.num_samples if stop is None else stop, self.period)
        counts = np.bincount(self._part[:rest], minlength=len(self.shares))
        return [int(count) for count in periods * self.shares + counts]

    def _position(self, part: int, index: int) -> int:
        """Where sample `index` of a part comes."""
        periods, rank = divmod(index, int(self.shares[part]))
        return periods * self.period + int(self._places[part][rank])

    def _length(self, stop: str) -> int:
        sizes = enumerate(self.sizes.tolist())
        if stop == "first_exhausted":
            # At the place where a part's sample number `size` would stand, its first one comes again.
            return min(self._position(part, size) for part, size in sizes)
        return max(self._position(part, size - 1) + 1 for part, size in sizes)


def empty_part(name: str) -> ImpossibleError:
    """A theme that keeps no samples cannot be mixed."""
    return ImpossibleError.at(
        "themes",
        "The theme {name!r} keeps no samples, so nothing can be mixed with it.",
        code="empty_theme",
        name=name,
    )


def shares(proportions: Sequence[float], per_sample: Sequence[float] | None = None) -> list[int]:
    """Proportions of samples as places in a period of at most 10,000, each part at least one.

    With `per_sample`, what one sample of each part counts (bytes, say), the proportions are of these. What is left over
    goes to the largest remainders.
    """
    wanted = np.array(proportions, float) / (1.0 if per_sample is None else np.array(per_sample, float))
    exact = wanted / wanted.sum() * PERIOD
    places: npt.NDArray[np.int64] = np.maximum(np.floor(exact).astype(np.int64), 1)
    for number in np.argsort(places - exact, kind="stable").tolist():
        if places.sum() >= PERIOD:
            break
        places[number] += 1
    # Parts that were raised to one place; the largest can spare theirs best.
    while places.sum() > PERIOD:
        places[np.argmax(places)] -= 1
    return [int(count) for count in places // np.gcd.reduce(places)]
