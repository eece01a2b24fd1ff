"""Two weightings of the same samples side by side: how each spreads its weights, and which samples gain and lose."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from themisdb_datasets.engine.selections.selection import Selection
from themisdb_datasets.engine.weights.weighting import MAX_WEIGHT, UNIT
from themisdb_datasets.errors import CorruptError
from themisdb_datasets.vectors import Ints

BLOCK = 1 << 20  # samples at a time
BINS = 40
NUM_WEIGHTS = round(MAX_WEIGHT * UNIT) + 1  # that there are: 0 to 2 in steps of 1/10,000


@dataclass(frozen=True)
class Side:
    """The weights that one weighting gives.

    `effective` is the effective sample size (sum w)² / sum w² (Kish 1965): so many samples of equal weight say as much.
    """

    least: float
    mean: float
    most: float
    num_zero: int
    effective: float


class Change(NamedTuple):
    """A sample of the version, and its weight by either weighting."""

    position: int
    a: float
    b: float


@dataclass(frozen=True)
class Comparison:
    """Weighting a beside weighting b, over the samples that both were made for.

    `bins` are (from, to, number of samples by a, by b). `moved` is the share of all weight that lies on other samples by b
    than by a, 0 to 1. `correlation` is Pearson's, None where one of them weighs all samples alike.
    """

    num_samples: int
    a: Side
    b: Side
    bins: list[tuple[float, float, int, int]]
    num_gaining: int
    num_losing: int
    moved: float
    correlation: float | None
    gaining: list[Change]
    losing: list[Change]


def compare(a: Selection, b: Selection, *, length: int = 10) -> Comparison:
    """Compare the weights of two selections of the same samples, and find the `length` that gain and lose most."""
    if a.num_samples != b.num_samples:
        raise CorruptError(
            "The two selections are not of the same samples; remove them, they are built again."
        )
    counts = np.zeros((2, NUM_WEIGHTS), np.int64)
    product, num_gaining, num_losing = 0, 0, 0
    gaining, losing = _Most(length), _Most(length)
    for start, left, right in _blocks(a, b):
        for row, weights in zip(counts, (left, right), strict=True):
            row += np.bincount(weights, minlength=NUM_WEIGHTS)
        product += int(left @ right)
        change = right - left
        num_gaining += int(np.count_nonzero(change > 0))
        num_losing += int(np.count_nonzero(change < 0))
        gaining.take(start, change)
        losing.take(start, -change)
    totals = [int(row @ np.arange(NUM_WEIGHTS)) for row in counts]
    return Comparison(
        num_samples=a.num_samples,
        a=_side(counts[0]),
        b=_side(counts[1]),
        bins=_bins(counts),
        num_gaining=num_gaining,
        num_losing=num_losing,
        moved=_moved(a, b, totals),
        correlation=_correlation(counts, totals, product),
        gaining=[_change(a, b, index) for index in gaining.indexes],
        losing=[_change(a, b, index) for index in losing.indexes],
    )


def _blocks(a: Selection, b: Selection) -> Iterator[tuple[int, Ints, Ints]]:
    for start in range(0, a.num_samples, BLOCK):
        rows = slice(start, start + BLOCK)
        yield start, a.weights[rows].astype(np.int64), b.weights[rows].astype(np.int64)


class _Most:
    """The indexes of the greatest values above 0 of all blocks; of equal ones the first."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._found: list[tuple[int, int]] = []  # minus the value, and the index

    def take(self, start: int, values: Ints) -> None:
        if not self._length:
            return
        if len(values) > self._length:
            # Without sorting the block: what is above the least of the greatest, and of those equal to it the
            # first.
            least = np.partition(values, -self._length)[-self._length]
            over = np.flatnonzero(values > least)
            places = np.concatenate([over, np.flatnonzero(values == least)[: self._length - len(over)]])
        else:
            places = np.arange(len(values))
        self._found += [(-int(values[place]), start + int(place)) for place in places if values[place] > 0]
        self._found = sorted(self._found)[: self._length]

    @property
    def indexes(self) -> list[int]:
        return [index for _, index in self._found]


def _side(counts: Ints) -> Side:
    weights = np.arange(NUM_WEIGHTS)
    there = np.flatnonzero(counts)
    if not len(there):
        return Side(0.0, 0.0, 0.0, 0, 0.0)
    total, squares = int(counts @ weights), int(counts @ weights**2)
    return Side(
        least=int(there[0]) / UNIT,
        mean=total / int(counts.sum()) / UNIT,
        most=int(there[-1]) / UNIT,
        num_zero=int(counts[0]),
        effective=total**2 / squares if squares else 0.0,
    )


def _bins(counts: Ints) -> list[tuple[float, float, int, int]]:
    there = np.flatnonzero(counts.sum(axis=0))
    if not len(there):
        return []
    least, most = int(there[0]), int(there[-1])
    number = BINS if most - least >= BINS else 1
    width = (most - least) / number
    places = np.minimum((there - least) / width, number - 1).astype(int) if width else np.zeros_like(there)
    sums = [np.bincount(places, row[there], number).astype(int).tolist() for row in counts]
    edges = [(least + width * place) / UNIT for place in range(number + 1)]
    return list(zip(edges[:-1], edges[1:], *sums, strict=True))


def _moved(a: Selection, b: Selection, totals: list[int]) -> float:
    if not all(totals):
        return 0.0
    shares = (np.abs(right / totals[1] - left / totals[0]).sum() for _, left, right in _blocks(a, b))
    return float(sum(shares)) / 2


def _correlation(counts: Ints, totals: list[int], product: int) -> float | None:
    number, weights = int(counts[0].sum()), np.arange(NUM_WEIGHTS)
    # Whole numbers, so that equal weights vary by exactly nothing.
    variances = [number * int(row @ weights**2) - total**2 for row, total in zip(counts, totals, strict=True)]
    if not all(variances):
        return None
    found: float = (number * product - totals[0] * totals[1]) / (variances[0] * variances[1]) ** 0.5
    return min(max(found, -1.0), 1.0)


def _change(a: Selection, b: Selection, index: int) -> Change:
    weights: npt.NDArray[np.float64] = np.array([a.weights[index], b.weights[index]]) / UNIT
    return Change(int(a.positions[index]), *weights.tolist())
