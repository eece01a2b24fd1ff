"""The table of weighted draws: a slot a sample, each slot held by its own sample and lent in part to one other.

Walker's alias method (1977), built in sorted sweeps as Hübschle-Schneider and Sanders describe ("Parallel Weighted
Random Sampling", 2019): samples with less than the mean are filled up, in their order, from those with more. Integers
only, in blocks, with files for what is as long as the selection.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from themisdb_datasets.errors import ImpossibleError
from themisdb_datasets.vectors import Halves, Words

MAX_SAMPLES = 1 << 32  # an alias is a number of 32 bits
BLOCK = 1 << 18
# Weights are scaled up before they are shared out over whole slots, so that what is rounded is below one part in 65,536
# of a unit; thresholds are rounded down to 1/2^32 of a slot.
SCALE = np.uint64(16)

Weights = npt.NDArray[np.uint16]
Scalar = TypeVar("Scalar", bound=np.generic)


def build_draws(weights: Weights, path: Path) -> None:
    """Write the table over `weights` to `path`, a .npy of uint64 [len(weights)]: threshold << 32 | alias.

    Slot s, with a number h of 32 bits drawn evenly, stands for sample s where h < threshold, otherwise for the alias.
    All slots together hold every sample in proportion to its weight. ImpossibleError where every weight is 0.
    """
    num_samples = len(weights)
    if num_samples > MAX_SAMPLES:
        raise ImpossibleError(f"Weighted order has at most {MAX_SAMPLES:,} samples.", code="too_many_samples")
    total = sum(int(block.sum(dtype=np.uint64)) for _, block in _blocks(weights)) << int(SCALE)
    if num_samples and not total:
        raise ImpossibleError.at(
            "order",
            "Every sample has the weight 0, so none can be drawn; change the weighting.",
            code="no_weight",
        )
    table = np.lib.format.open_memmap(path, "w+", np.uint64, (num_samples,))
    if num_samples:
        with TemporaryDirectory(dir=path.parent, prefix=".draws-") as folder:
            sweep = _Sweep(weights, divmod(total, num_samples), Path(folder))
            sweep.fill_light(table)
            sweep.fill_heavy(table)
    table.flush()


class _Sweep:
    """Which samples are below and above the mean, and the running sums of what they lack and have too much."""

    def __init__(self, weights: Weights, mean: tuple[int, int], folder: Path) -> None:
        self.weights = weights
        # Slots hold the mean rounded down, the first of them one more, so that together they hold all there is.
        self.size, self.larger = np.uint64(mean[0]), mean[1]
        light, lacks, heavy, excess = (folder / name for name in ("light", "lacks", "heavy", "excess"))
        # The sums begin with the 0 before the first sample.
        lacking, exceeding = np.uint64(0), np.uint64(0)
        with light.open("wb") as a, lacks.open("wb") as b, heavy.open("wb") as c, excess.open("wb") as d:
            b.write(lacking.tobytes())
            for start, block in _blocks(weights):
                have = block.astype(np.uint64) << SCALE
                slots = np.arange(start, start + len(block), dtype=np.uint64)
                hold = self.capacity(slots)
                less = have < hold
                lack = np.cumsum((hold - have)[less], dtype=np.uint64) + lacking
                more = np.cumsum((have - hold)[~less], dtype=np.uint64) + exceeding
                lacking, exceeding = np.append(lacking, lack)[-1], np.append(exceeding, more)[-1]
                a.write(slots[less].astype(np.uint32).tobytes())
                b.write(lack.tobytes())
                c.write(slots[~less].astype(np.uint32).tobytes())
                d.write(more.tobytes())
        self.light, self.heavy = _mapped(light, np.uint32), _mapped(heavy, np.uint32)
        self.lack, self.excess = _mapped(lacks, np.uint64), _mapped(excess, np.uint64)

    def capacity(self, slots: Words) -> Words:
        return self.size + (slots < np.uint64(self.larger)).astype(np.uint64)

    def fill_light(self, table: Words) -> None:
        """A slot below the mean is filled up by the first sample that still has too much when its turn comes."""
        for start, slots in _blocks(self.light):
            # What all light slots before this one lacked has been taken from the heavy ones in their order;
            # so the one that gives now is the first whose running sum of excess is beyond that.
            before = self.lack[start : start + len(slots)]
            own = self.weights[slots].astype(np.uint64) << SCALE
            self._put(table, slots, own, self.heavy[np.searchsorted(self.excess, before, side="right")])

    def fill_heavy(self, table: Words) -> None:
        """One that gave more than it had too much is itself filled up by the next."""
        last = len(self.heavy) - 1
        for start, slots in _blocks(self.heavy):
            # All excess up to and with this sample. The light slot that used it up took `given - after` more,
            # which is out of this sample's own slot, and which the next heavy one makes good. Lacks and
            # excess have the same sum, so the last one gives nothing more.
            after = self.excess[start : start + len(slots)]
            given = self.lack[np.searchsorted(self.lack, after, side="left")]
            own = self.capacity(slots.astype(np.uint64)) - (given - after)
            following = np.minimum(np.arange(start + 1, start + 1 + len(slots)), last)
            self._put(table, slots, own, self.heavy[following])

    def _put(self, table: Words, slots: Halves, own: Words, alias: Halves) -> None:
        hold = self.capacity(slots.astype(np.uint64))
        full = own == hold
        # A slot's part of 2^32. `own` stays below 2^32, for a weight is 20,000 at most and scaled by 2^16, so
        # that the shift loses nothing.
        threshold = (own << np.uint64(32)) // hold
        threshold[full] = 0  # whatever is drawn, it is the sample itself
        table[slots] = threshold << np.uint64(32) | np.where(full, slots, alias).astype(np.uint64)


def _mapped(path: Path, dtype: type[Scalar]) -> npt.NDArray[Scalar]:
    return np.memmap(path, dtype, "r") if path.stat().st_size else np.empty(0, dtype)


def _blocks(array: npt.NDArray[Scalar]) -> Iterator[tuple[int, npt.NDArray[Scalar]]]:
    for start in range(0, len(array), BLOCK):
        yield start, np.asarray(array[start : start + BLOCK])
