"""Random access to samples by number: the reading side of a byte-offset index in data-forager's layout."""

import mmap
import operator
from collections.abc import Sequence
from pathlib import Path
from typing import SupportsIndex, overload

from themisdb_datasets.errors import CorruptError, NotFoundError

FILES = "file_location.txt"
LOCATIONS = "sample_locations.bin"
LOCATION_BYTES = 24  # three native uint64: number of the file, byte offset, number of bytes


class OffsetIndex(Sequence[bytes]):
    """The samples that the index in `path`/index points to, each as its bytes (a line of JSONL with its LF).

    All files are memory-mapped and nothing has a position, so any number of threads may read at the same time; a
    pickled index opens its files anew. `index[i]` takes negative and numpy integers; a slice gives a list.
    The layout is that of data-forager 0.1 (github.com/visionscaper/data-forager).
    """

    def __init__(self, path: Path, *, index_folder: str = "index") -> None:
        self.path = Path(path)
        self.index_folder = index_folder
        folder = self.path / index_folder
        try:
            names = (folder / FILES).read_text().splitlines()
            self._locations = memoryview(_mapped(folder / LOCATIONS)).cast("Q")
        except FileNotFoundError as error:
            raise NotFoundError(f"There is no index in {folder}.") from error
        except TypeError as error:  # not a whole number of uint64
            raise CorruptError(f"{LOCATIONS} in {folder} was cut off.") from error
        if self._locations.nbytes % LOCATION_BYTES:
            raise CorruptError(f"{LOCATIONS} in {folder} was cut off.")
        self._files = [memoryview(_mapped(self.path / name)) for name in names]

    @classmethod
    def open(cls, path: Path) -> "OffsetIndex":
        """Open the index in folder `path`. NotFoundError: there is none. CorruptError: it is not whole."""
        return cls(path)

    def __len__(self) -> int:
        return self._locations.nbytes // LOCATION_BYTES

    @overload
    def __getitem__(self, index: SupportsIndex) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self._sample(i) for i in range(*index.indices(len(self)))]
        i = operator.index(index)
        if i < 0:
            i += len(self)
        if not 0 <= i < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self._sample(i)

    def _sample(self, i: int) -> bytes:
        number, offset, size = self._locations[3 * i : 3 * i + 3]
        if number >= len(self._files) or offset + size > len(self._files[number]):
            raise CorruptError(
                f"Sample {i} lies outside its file: the index in {self.path} does not belong to it."
            )
        return self._files[number][offset : offset + size].tobytes()

    def __reduce__(self) -> tuple[object, ...]:
        return _reopened, (type(self), self.path, self.index_folder)


def _reopened(kind: type[OffsetIndex], path: Path, index_folder: str) -> OffsetIndex:
    return kind(path, index_folder=index_folder)


def _mapped(path: Path) -> mmap.mmap | bytes:
    with path.open("rb") as file:
        if path.stat().st_size == 0:  # which the system does not map
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
