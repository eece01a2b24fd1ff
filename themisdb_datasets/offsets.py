"""Random access to samples by number: the reading side of a byte-offset index in data-forager's layout."""

import mmap
import operator
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, SupportsIndex, overload

import msgspec
import numpy as np
import numpy.typing as npt

from themisdb_datasets.errors import CorruptError, NotFoundError

FOLDER = "index"
FILES = "file_location.txt"
LOCATIONS = "sample_locations.bin"
MANIFEST = "manifest.json"
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
        self._open_file = open_file or _mapped
        try:
            places = (
                _mapped(locations) if isinstance(locations, Path) else np.ascontiguousarray(locations).data
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


def _mapped(path: Path) -> mmap.mmap | bytes:
    with path.open("rb") as file:
        if path.stat().st_size == 0:  # which the system does not map
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
