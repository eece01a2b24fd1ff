"""Random access to samples by number: a byte-offset index in data-forager's layout, read, and made of any JSONL files."""

import mmap
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol, SupportsIndex, overload

import msgspec
import numpy as np
import numpy.typing as npt

from themisdb_datasets.errors import CorruptError, NotFoundError
from themisdb_datasets.newlines import Newlines
from themisdb_datasets.vectors import Ints

FOLDER = "index"
FILES = "file_location.txt"
LOCATIONS = "sample_locations.bin"
MANIFEST = "manifest.json"
CHUNK_BYTES = 2 << 20  # of a file that is indexed: they stay in the processor's cache
LOCATION_BYTES = 24  # three native uint64: number of the file, byte offset, number of bytes


class Content(Protocol):
    """A file's bytes, of which a part is taken by a slice."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


class OffsetIndex(Sequence[bytes]):
    """Samples by number, each as its bytes (a line of JSONL with its LF).

    `files` are those that the index in `locations` points into. All are memory-mapped and nothing has a position, so
    any number of threads may read at the same time; a pickled index opens its files anew. `index[i]` takes negative
    and numpy integers; a slice gives a list, and so does `index.__getitems__`, which is the quickest for a batch.
    The layout is that of data-forager 0.2 (github.com/visionscaper/data-forager).

    Each file holds a file descriptor; `open_file` is for those with too many of them for that.
    """

    def __init__(
        self,
        locations: "Path | npt.NDArray[np.uint64]",
        files: Sequence[Path],
        *,
        open_file: "Callable[[Path], Content] | None" = None,
    ) -> None:
        """`locations` is a file, or the same as an array [num_samples, 3]."""
        self._places = locations
        self.files = tuple(map(Path, files))
        self._open_file = open_file or mapped
        try:
            places = (
                mapped(locations) if isinstance(locations, Path) else np.ascontiguousarray(locations).data
            )
            # Plain integers straight from the map: for a few samples at a time quicker than any array of
            # numpy's.
            self._locations = memoryview(places).cast("B").cast("Q")
            self._maps = [self._open_file(path) for path in self.files]
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFoundError(f"There is no file {error.filename} any more.") from error
        except TypeError as error:  # not a whole number of uint64
            raise CorruptError(f"{LOCATIONS} was cut off.") from error
        if self._locations.nbytes % LOCATION_BYTES:
            raise CorruptError(f"{LOCATIONS} was cut off.")
        self._sizes = [len(known) for known in self._maps]

    @classmethod
    def open(cls, path: Path, *, index_folder: str = FOLDER) -> "OffsetIndex":
        """Open the index in folder `path`.

        NotFoundError: there is none. CorruptError: it is not whole, or stale: the manifest of a download says other
        sizes of its files than they have.
        """
        folder = Path(path) / index_folder
        try:
            names = (folder / FILES).read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFoundError(f"There is no index in {folder}.") from error
        _check_sizes(Path(path), names)
        return cls(folder / LOCATIONS, [Path(path) / name for name in names])

    def __len__(self) -> int:
        return self._locations.nbytes // LOCATION_BYTES

    @overload
    def __getitem__(self, index: SupportsIndex) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return self.__getitems__(range(*index.indices(len(self))))
        return self.__getitems__((index,))[0]

    def __getitems__(self, indices: Iterable[SupportsIndex]) -> list[bytes]:
        """The samples of these numbers, in their order. IndexError for one outside, CorruptError for a stale index."""
        locations, maps, sizes = self._locations, self._maps, self._sizes
        count = len(self)
        found = []
        for index in indices:
            i = operator.index(index)
            if not -count <= i < count:
                raise IndexError(f"sample {i} of {count}")
            at = 3 * i if i >= 0 else 3 * (i + count)
            number, start = locations[at], locations[at + 1]
            stop = start + locations[at + 2]
            # A slice beyond the end would be silently short.
            if number >= len(maps) or stop > sizes[number]:
                raise CorruptError(
                    f"Sample {i} lies outside its file: the index does not belong to {self._name(number)}."
                )
            found.append(maps[number][start:stop])
        return found

    def _name(self, number: int) -> str:
        return str(self.files[number]) if number < len(self.files) else f"file {number}"

    def __reduce__(self) -> tuple[object, ...]:
        return partial(type(self), open_file=self._open_file), (self._places, self.files)


def _check_sizes(path: Path, names: Sequence[str]) -> None:
    try:
        about = msgspec.json.decode((path / MANIFEST).read_bytes())["files"]
        sizes = {name: about[name]["num_bytes"] for name in names}
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError, LookupError, TypeError):
        return  # data-forager writes none, and what stands there may be another's
    for name, told in sizes.items():
        if (path / name).exists() and (size := (path / name).stat().st_size) != told:
            raise CorruptError(
                f"The index is stale: {name} has {size:,} bytes, and had {told:,}. Download it again, or index it anew."
            )


def mapped(path: Path) -> mmap.mmap | bytes:
    """The file's bytes, memory-mapped; it holds a file descriptor as long as it is used."""
    with path.open("rb") as file:
        if path.stat().st_size == 0:  # which the system does not map
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


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
    data = np.frombuffer(mapped(path), np.uint8)
    for at in range(0, size, CHUNK_BYTES):
        ends = newlines.places(data[at : at + CHUNK_BYTES])
        if len(ends):
            ends += at + 1
            last = int(ends[-1])
            yield ends
    if last < size:
        yield np.array([size])
