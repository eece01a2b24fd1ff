"""Building the byte-offset index of a version's samples from those of their shards."""

from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.offsets import LOCATION_BYTES
from themisdb_datasets.vectors import Ints

COPY_BYTES = 1 << 20
BLOCK = 65_536
NO_ROWS = np.empty((0, 3), np.uint64)


class AscendingPositions(Protocol):
    """Ascending positions of a version, an array or a range."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice) -> "npt.ArrayLike": ...


def index_version(
    version: OpenVersion,
    positions: "AscendingPositions | None",
    path: Path,
    *,
    base: tuple[Path, int] | None = None,
) -> int:
    """Write to `path` where the samples at `positions`, or all, lie in the files of the version's shards.

    File i is samples.jsonl of part i. `base` is the index of a version with the same first parts, and how many of its
    samples lie in these: they are taken over as they are, and `positions` are then those beyond. Answers how many
    samples the index has.
    """
    total = 0
    with ExitStack() as stack:
        out = stack.enter_context(path.open("wb"))
        if base is not None:
            known, total = base
            source = stack.enter_context(known.open("rb"))
            left = total * LOCATION_BYTES
            while left:
                piece = source.read(min(left, COPY_BYTES))
                out.write(piece)
                left -= len(piece)
        some = range(version.num_samples) if positions is None else positions
        for first in range(0, len(some), BLOCK):
            block = np.asarray(some[first : first + BLOCK], dtype=np.int64)
            out.write(_locations(version, block).data)
            total += len(block)
    return total


def _locations(version: OpenVersion, positions: Ints) -> npt.NDArray[np.uint64]:
    rows = version.rows_of(positions)
    number = np.searchsorted(version.row_starts, rows, side="right") - 1
    found = np.empty((len(rows), 3), np.uint64)
    for part in np.unique(number).tolist():
        mine = np.flatnonzero(number == part)
        found[mine] = version.parts[part].locations[rows[mine] - version.row_starts[part]]
    found[:, 0] = number
    return found


def as_one_file(locations: Path, path: Path) -> int:
    """Write to `path` where the samples of an index lie once they follow each other in one file; answers its size."""
    rows = np.memmap(locations, np.uint64, "r").reshape(-1, 3) if locations.stat().st_size else NO_ROWS
    size = 0
    with path.open("wb") as out:
        for first in range(0, len(rows), BLOCK):
            block = np.array(rows[first : first + BLOCK]).view(np.int64)
            ends = np.cumsum(block[:, 2]) + size
            block[:, 0], block[:, 1] = 0, ends - block[:, 2]
            out.write(block.data)
            size = int(ends[-1])
    return size
