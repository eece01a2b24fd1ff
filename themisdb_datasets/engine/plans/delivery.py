"""A plan opened on a version: its chunks from any position, in shares."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from themisdb_datasets.engine.plans.plan import Plan
from themisdb_datasets.engine.rendering.render import Renderer
from themisdb_datasets.engine.selections.selection import Selection
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.engine.weights.weighting import UNIT
from themisdb_datasets.errors import ConflictError, ImpossibleError
from themisdb_datasets.order import Ordering, rank_size
from themisdb_datasets.vectors import Ints, Words

CHUNK_BYTES = 4 << 20  # no chunk is larger, unless one line is
USUAL_BYTES = 1 << 20
BLOCK_ROWS = 4096  # lines laid out at once, before they are joined
# Positions whose samples are found at once, which is cheaper than in smaller blocks.
ORDER_ROWS = 4 * BLOCK_ROWS


class Chunk(NamedTuple):
    """Whole lines, joined."""

    data: memoryview
    num_samples: int


class Share(NamedTuple):
    """What a selection gives to a delivery; repeats are samples of its second and later passes."""

    num_samples: int
    num_repeats: int
    num_bytes: int


class Samples(NamedTuple):
    """What is rendered: positions in the version, weights in units, and the weights' factors where they are told."""

    positions: Ints
    weights: npt.NDArray[np.uint16]
    factors: npt.NDArray[np.float64] | None

    @classmethod
    def empty(cls, count: int, num_factors: int | None) -> "Samples":
        """Room for so many."""
        factors = None if num_factors is None else np.empty((count, num_factors))
        return cls(np.empty(count, np.int64), np.empty(count, np.uint16), factors)

    def put(self, where: Ints, samples: "Samples") -> None:
        """Put samples into these places."""
        self.positions[where] = samples.positions
        self.weights[where] = samples.weights
        if self.factors is not None and samples.factors is not None:
            self.factors[where] = samples.factors

    def rows(self, start: int, stop: int) -> "Samples":
        """Some of them."""
        factors = None if self.factors is None else self.factors[start:stop]
        return Samples(self.positions[start:stop], self.weights[start:stop], factors)


class Delivery:
    """A plan opened on its version and selection; any part of it can be iterated, from any thread, at any time."""

    def __init__(self, plan: Plan, version: OpenVersion, selections: Sequence[Selection]) -> None:
        """`selections` are those of `plan.selects`. ImpossibleError where nothing can be drawn or mixed."""
        self.plan = plan
        self.selections = selections
        self.renderer = Renderer(version, plan.form)
        self._parts = [_Part(plan.ordering, selection, n) for n, selection in enumerate(selections)]
        sizes = [selection.num_samples for selection in selections]
        if any(size > version.num_samples for size in sizes):
            raise ConflictError("The selection does not belong to this version.", code="stale_selection")
        factors = selections[0].factors
        self._num_factors = None if factors is None else factors.shape[1]
        self.schedule = plan.mix.over(sizes) if plan.mix is not None else None
        # Lines in one epoch.
        self.num_samples = self.schedule.num_samples if self.schedule else sizes[0]

    def window(
        self, start: int, limit: int | None, *, rank: int = 0, world_size: int = 1, drop_last: bool = False
    ) -> range:
        """The positions that a consumer gets from `start` on: rank r of W takes start + r, start + r + W, …

        All ranks get the same number. Where the rest does not part evenly, `drop_last` leaves its tail out; otherwise
        the last positions are beyond the end and wrap round to the epoch's begin. ImpossibleError past the end.
        """
        if start > self.num_samples:
            raise ImpossibleError.at(
                "start",
                "Position {start:,} is past the end: the plan has {num_samples:,} samples.",
                code="past_the_end",
                start=start,
                num_samples=self.num_samples,
            )
        # After j lines each, all ranks stand at start + j * W, so another number of ranks can go on from there.
        each = rank_size(self.num_samples - start, world_size=world_size, drop_last=drop_last)
        each = each if limit is None else min(each, limit)
        return range(start + rank, start + rank + each * world_size, world_size)

    def chunks(self, window: range, *, batch_size: int = 100) -> Iterator[Chunk]:
        """The lines of `window` as chunks of at most 4 MiB or one line.

        The first chunk has `batch_size` lines, so that the first byte comes at once; later ones hold about 1 MiB, or
        `batch_size` lines where that is more, which keeps the cost of a chunk small beside its bytes.
        """
        # Few lines first, for their samples are looked up before the first byte; then ORDER_ROWS at a time, whose order
        # is found at once and which are rendered in blocks that stay in the cache.
        done, rows = 0, min(batch_size, BLOCK_ROWS)
        while done < len(window):
            part = window[done : done + rows]
            samples = self._samples(part)
            for first in range(0, len(part), BLOCK_ROWS):
                lines = self.renderer.lines(*samples.rows(first, first + BLOCK_ROWS))
                for start, stop in lines.cuts(
                    least=batch_size, usual_bytes=USUAL_BYTES, most_bytes=CHUNK_BYTES
                ):
                    yield Chunk(lines.join(start, stop), stop - start)
            done, rows = done + len(part), ORDER_ROWS

    def measure(self, windows: Sequence[range]) -> list[Share]:
        """What each selection gives to these windows, counted without joining a line."""
        totals = np.zeros((len(self.selections), 3), np.int64)
        for window in windows:
            for first in range(0, len(window), BLOCK_ROWS):
                part = window[first : first + BLOCK_ROWS]
                sizes = self.renderer.lines(*self._samples(part)).sizes
                if self.schedule is None:
                    totals[0] += len(part), 0, sizes.sum()
                    continue
                number, index = self.schedule.at(self._positions(part))
                # An index beyond the part's size is one of its later passes.
                again = index >= self.schedule.sizes[number]
                for column, weights in enumerate((None, again, sizes)):
                    totals[:, column] += np.bincount(number, weights, len(totals)).astype(np.int64)
        return [Share(*row) for row in totals.tolist()]

    def samples_at(self, positions: Words) -> Ints:
        """Where in the version the samples of these lines stand; from the epoch's end on, lines wrap round."""
        return self._at(positions % np.uint64(max(self.num_samples, 1))).positions

    def _positions(self, window: range) -> Words:
        positions = np.arange(window.start, window.stop, window.step, dtype=np.uint64)
        # Only where it passes the end: the modulo costs as much as all the rest.
        if len(window) and window[-1] >= self.num_samples:
            positions %= np.uint64(max(self.num_samples, 1))
        return positions

    def _samples(self, window: range) -> Samples:
        return self._at(self._positions(window))

    def _at(self, positions: Words) -> Samples:
        if self.schedule is None:
            return self._parts[0].at(positions)
        part, index = self.schedule.at(positions)
        # Every part finds its own samples; `put` brings them back into the order of the mix.
        mixed = Samples.empty(len(positions), self._num_factors)
        for number, each in enumerate(self._parts):
            mine = np.flatnonzero(part == number)
            mixed.put(mine, each.at(index[mine].view(np.uint64)))
        return mixed


class _Part:
    """One selection in its order."""

    def __init__(self, ordering: Ordering, selection: Selection, number: int) -> None:
        draws = selection.draws() if ordering.kind == "weighted" else None
        self.order = ordering.over(selection.num_samples, draws=draws, part=number)
        self.positions = np.asarray(selection.positions)
        # A draw has used the weight already.
        self.weights = None if draws is not None else np.asarray(selection.weights)
        self.factors = selection.factors

    def at(self, positions: Words) -> Samples:
        """The samples at these positions of the order."""
        index = self.order.at(positions)
        weights = np.full(len(index), UNIT, np.uint16) if self.weights is None else self.weights[index]
        factors = None if self.factors is None else self.factors[index]
        return Samples(self.positions[index].astype(np.int64), weights, factors)
