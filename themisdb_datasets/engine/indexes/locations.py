"""Building byte-offset indexes: of files of lines at the speed of memory, and of a version's samples from their shards."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from themisdb_datasets.engine.shards.shard import map_file
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.newlines import Newlines
from themisdb_datasets.offsets import FILES, FOLDER, LOCATION_BYTES, LOCATIONS
from themisdb_datasets.vectors import Ints

CHUNK_BYTES = 2 << 20  # which stay in the processor's cache
COPY_BYTES = 1 << 20
BLOCK = 65_536
NO_ROWS = np.empty((0, 3), np.uint64)


class Positions(Protocol):
    """Ascending positions of a version, an array or a range."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice) -> "npt.ArrayLike": ...


def index_files(base: Path, files: Sequence[Path]) -> int:
    """Write base/index over every line of these files, in their order; answers how many lines these are.

    A line goes to its LF or to the end of its file; empty ones count. Byte for byte the index that data-forager 0.2
    writes. FileExistsError where `base` has an index.
    """
    folder = Path(base) / FOLDER
    folder.mkdir(parents=True)
    names: list[str] = []
    total = 0
    with (folder / LOCATIONS).open("wb", buffering=0) as out:
        for path in files:
            count = index_lines(Path(path), out, number=len(names))
            # data-forager names no file without lines.
            if count:
                names.append(os.path.relpath(path, base))
            total += count
    (folder / FILES).write_text("".join(f"{name}\n" for name in names))
    return total


def index_lines(path: Path, out: BinaryIO, *, number: int = 0) -> int:
    """Append to `out` where the lines of one file lie, whose number this is; answers how many there are."""
    start = count = 0
    room = np.empty((0, 3), np.int64)
    for ends in line_ends(path):
        if len(ends) > len(room):
            room = np.empty((len(ends), 3), np.int64)
        rows = room[: len(ends)]
        rows[:, 0] = number
        # Each line begins where the one before it ended, that of the batch before for the first.
        rows[0, 1], rows[1:, 1] = start, ends[:-1]
        np.subtract(ends, rows[:, 1], out=rows[:, 2])
        out.write(rows.data)
        start, count = int(ends[-1]), count + len(ends)
    return count


def line_ends(path: Path) -> Iterator[Ints]:
    """Where each line of the file ends, just past its LF, in non-empty batches; a last one without LF at the file's end."""
    size, last = path.stat().st_size, 0
    newlines = Newlines(CHUNK_BYTES)
    data = np.frombuffer(map_file(path), np.uint8)
    for at in range(0, size, CHUNK_BYTES):
        ends = newlines.places(data[at : at + CHUNK_BYTES])
        if len(ends):
            ends += at + 1
            last = int(ends[-1])
            yield ends
    if last < size:
        yield np.array([size])


def index_version(
    version: OpenVersion, positions: "Positions | None", path: Path, *, base: tuple[Path, int] | None = None
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
