"""Orders: pure functions from a position in the stream to an index in the selection, evaluated a block at a time.

`order/1` is a public contract: the same on every platform and with every library version, for it is made of integers
and SHA-256 alone. Committed test vectors hold it.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from themisdb_datasets.errors import ConflictError, ImpossibleError
from themisdb_datasets.permutation import SCHEME, Keys, Permutation, hash_words
from themisdb_datasets.vectors import Ints, Words

MAX_SAMPLES = 1 << 60
KINDS = ("stored", "shuffled", "weighted")


class Order(Protocol):
    """An order over `num_samples` indices; it has no state, so any positions can be asked for at any time.

    Positions from `num_samples` on go round again: the second pass is drawn anew, and so is every later one.
    """

    num_samples: int

    def at(self, positions: Words) -> Ints:
        """Indices into the selection, int64 [n], at positions uint64 [n]."""


class StoredOrder:
    """The order in which the version holds its samples."""

    def __init__(self, num_samples: int) -> None:
        self.num_samples = num_samples

    def at(self, positions: Words) -> Ints:
        """The positions themselves."""
        if len(positions) and int(positions.max()) >= self.num_samples:
            positions = positions % np.uint64(self.num_samples)
        return positions.view(np.int64)


class ShuffledOrder:
    """A permutation drawn by seed and epoch, each index once; any integers give one, equal ones the same."""

    def __init__(self, num_samples: int, *, seed: int, epoch: int, part: int = 0) -> None:
        _check(num_samples)
        self.num_samples = num_samples
        self._permutation = Permutation(_kind("shuffled", part), num_samples, seed=seed, epoch=epoch)

    def at(self, positions: Words) -> Ints:
        """The indices at these positions, in time and memory of the block alone."""
        return self._permutation.at(positions).view(np.int64)


class WeightedOrder:
    """As many draws as there are samples, in which each is expected N * w / sum of w times.

    The slots of a table of draws (`draws.build_draws`) are gone through in a shuffled order, each once a pass, and a
    hash of the slot says whether it stands for its own sample or for its alias. So samples of equal weight come exactly
    once, and the numbers of all vary less than in independent draws.
    """

    def __init__(self, draws: Words, *, seed: int, epoch: int, part: int = 0) -> None:
        self.num_samples = len(draws)
        self._draws = draws
        self._permutation = Permutation(_kind("weighted", part), len(draws), seed=seed, epoch=epoch)
        self._coins = Keys(_kind("weighted coins", part), len(draws), seed, epoch)

    def at(self, positions: Words) -> Ints:
        """The indices at these positions, in time and memory of the block alone."""
        slots = self._permutation.at(positions)
        drawn = self._draws[slots.view(np.int64)]
        coin, spare = np.empty(len(slots), np.uint32), np.empty(len(slots), np.uint32)
        # A slot has 32 bits, as its alias has, so nothing is cut off.
        hash_words(slots.astype(np.uint32), self._key(positions), coin, spare)
        own = coin < (drawn >> np.uint64(32)).astype(np.uint32)
        return np.where(own, slots, drawn & np.uint64(2**32 - 1)).view(np.int64)

    def _key(self, positions: Words) -> Any:
        """The key of the coins: one for all positions, or one for each where they lie in several passes."""
        if not len(positions) or int(positions.max()) < self.num_samples:
            return self._coins.of(0)[0]
        # A coin of its own for each pass, or a slot would stand for the same sample every time.
        passes, which = np.unique(positions // np.uint64(self.num_samples), return_inverse=True)
        return np.array([self._coins.of(number)[0] for number in passes.tolist()], np.uint32)[which]


@dataclass(frozen=True)
class Ordering:
    """Which order a plan has: `stored`, or `shuffled` or `weighted` by a seed and an epoch."""

    kind: str = "stored"
    seed: int = 0
    epoch: int = 0

    def to_document(self) -> dict[str, Any]:
        """The ordering as plans hold it; integers as text, for they may have any size."""
        if self.kind == "stored":
            return {"kind": "stored"}
        return {"kind": self.kind, "scheme": SCHEME, "seed": str(self.seed), "epoch": str(self.epoch)}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Ordering":
        """The ordering that `to_document` wrote."""
        return cls(document["kind"], int(document.get("seed", 0)), int(document.get("epoch", 0)))

    def over(self, num_samples: int, *, draws: Words | None = None, part: int = 0) -> Order:
        """The order over so many samples, those of part `part` of a mix; weighted order takes its table of draws."""
        if self.kind == "stored":
            return StoredOrder(num_samples)
        if self.kind == "shuffled":
            return ShuffledOrder(num_samples, seed=self.seed, epoch=self.epoch, part=part)
        if draws is None or len(draws) != num_samples:
            raise ConflictError(
                "The table of draws does not belong to this selection.", code="stale_selection"
            )
        return WeightedOrder(draws, seed=self.seed, epoch=self.epoch, part=part)


def rank_size(num_samples: int, *, world_size: int, drop_last: bool) -> int:
    """How many samples each rank gets of so many: the last are wrapped round to the epoch's begin, or left out."""
    return num_samples // world_size if drop_last else -(-num_samples // world_size)


def _kind(kind: str, part: int) -> str:
    """The parts of a mix are drawn independently of each other, also where they have as many samples."""
    return f"{kind} part {part}" if part else kind


def _check(num_samples: int) -> None:
    if num_samples > MAX_SAMPLES:
        raise ImpossibleError(f"An order has at most {MAX_SAMPLES:,} samples.", code="too_many_samples")
