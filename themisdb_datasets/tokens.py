"""A token index: samples of tokens by number, read and written in data-forager's layout.

`tokenized-samples/<stem>-tokenized-samples.bin` holds the samples' tokens one after the other, little-endian, `index/`
beside it says where each lies, and `manifest.json` what they are.
"""

import operator
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, SupportsIndex, overload

import msgspec
import numpy as np
import numpy.typing as npt

from themisdb_datasets.errors import CorruptError, MalformedError, NotFoundError
from themisdb_datasets.offsets import mapped
from themisdb_datasets.vectors import Ints

FORMAT_VERSION = 1
FOLDER = "tokenized-samples"
SUFFIX = "-tokenized-samples.bin"
FILES = "index/file_location.txt"
LOCATIONS = "index/sample_locations.bin"
MANIFEST = "manifest.json"
DTYPES: dict[str, np.dtype[Any]] = {"uint16": np.dtype("<u2"), "uint32": np.dtype("<u4")}

Tokens = npt.NDArray[np.unsignedinteger[Any]]
Numbers = Sequence[int] | npt.NDArray[np.integer[Any]]


class TokenIndex(Sequence[Tokens]):
    """Samples of tokens, each an array that is not to be written to.

    `index[i]` takes negative and numpy integers; a slice gives a list. Where all samples have one length, `samples`
    [num_samples, sample_size] is all of them, and `batch` copies some of it. All is memory-mapped and nothing has a
    position, so threads and forked processes may share one; a pickled one opens its files anew.
    """

    def __init__(
        self, locations: Path, files: Sequence[Path], *, dtype: str, sample_size: int | None = None
    ) -> None:
        """`locations` says where each sample lies in `files`; `sample_size` is known where all have the same.

        NotFoundError: a file is missing. CorruptError: they do not fit together.
        """
        if dtype not in DTYPES:
            raise MalformedError("Say of which type the tokens are: dtype uint16 or uint32.")
        self._opened_by = (locations, tuple(files), dtype, sample_size)
        self.dtype = DTYPES[dtype]
        try:
            self._locations = np.frombuffer(mapped(locations), "<u8").reshape(-1, 3)
            self._files = [np.frombuffer(mapped(each), self.dtype) for each in files]
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFoundError(f"A file of the token index is not there: {error.filename}.") from error
        except ValueError as error:  # not a whole number of locations or tokens
            raise CorruptError(f"A file of the token index with {locations} was cut off.") from error
        self.samples = self._one_after_the_other(sample_size)

    @classmethod
    def open(cls, path: Path, *, dtype: str | None = None) -> "TokenIndex":
        """The token index in folder `path`; `dtype` is for one without a manifest, as data-forager writes them."""
        path = Path(path)
        manifest = read_manifest(path)
        try:
            names = (path / FILES).read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFoundError(f"There is no token index in {path}.") from error
        files = [path / name for name in names]
        dtype = str(dtype or manifest.get("dtype"))
        return cls(path / LOCATIONS, files, dtype=dtype, sample_size=manifest.get("sample_size"))

    def _one_after_the_other(self, size: int | None) -> Tokens | None:
        """All samples as one array, where they have one length and lie one after the other in one file."""
        if size is not None and sum(map(len, self._files)) != len(self) * size:
            raise CorruptError("The token index has lost some of its tokens.")
        if size is None:
            if not len(self) or len(self._files) > 1 or not self._locations[0, 2]:
                return None
            sizes = self._locations[:, 2]
            # data-forager writes no manifest: whether its samples are one array is seen by where they lie.
            places = np.arange(len(self), dtype=np.uint64) * sizes[0]
            if (sizes != sizes[0]).any() or (self._locations[:, 1] != places).any():
                return None
            size = int(sizes[0]) // self.dtype.itemsize
        file: Tokens = self._files[0] if self._files else np.empty(0, self.dtype)
        samples: Tokens = file[: len(self) * size].reshape(len(self), size)
        return samples

    def __len__(self) -> int:
        return len(self._locations)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Tokens: ...
    @overload
    def __getitem__(self, index: slice) -> list[Tokens]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Tokens | list[Tokens]:
        if isinstance(index, slice):
            return [self._sample(i) for i in range(*index.indices(len(self)))]
        i = operator.index(index)
        if i < 0:
            i += len(self)
        if not 0 <= i < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        return self._sample(i)

    def __getitems__(self, numbers: Numbers) -> list[Tokens]:
        """The samples of a batch at once, which is what torch's DataLoader asks for."""
        if self.samples is not None:
            return list(self.batch(numbers))
        return [self[number] for number in numbers]

    def batch(self, numbers: Numbers) -> Tokens:
        """Samples [len(numbers), sample_size] as one new array. IndexError: one is outside."""
        if self.samples is None:
            raise MalformedError("The samples of this index differ in length; take them one by one.")
        return self.samples.take(numbers, axis=0)

    def _sample(self, i: int) -> Tokens:
        if self.samples is not None:
            sample: Tokens = self.samples[i]
            return sample
        number, place, size = self._locations[i].tolist()
        first, last = place // self.dtype.itemsize, (place + size) // self.dtype.itemsize
        if size and (number >= len(self._files) or last > len(self._files[number])):
            raise CorruptError(f"Sample {i} lies outside its file: the index does not belong to it.")
        return self._files[number][first:last] if size else np.empty(0, self.dtype)

    def __reduce__(self) -> tuple[object, ...]:
        return _reopened, self._opened_by


def _reopened(locations: Path, files: tuple[Path, ...], dtype: str, sample_size: int | None) -> TokenIndex:
    return TokenIndex(locations, files, dtype=dtype, sample_size=sample_size)


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of the token index in folder `path`; empty where there is none, as of data-forager's.

    CorruptError: it cannot be read, or is that of something else or of another format version.
    """
    try:
        manifest: dict[str, Any] = msgspec.json.decode((path / MANIFEST).read_bytes(), type=dict[str, Any])
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except msgspec.DecodeError as error:
        raise CorruptError(f"The manifest of the token index in {path} is not readable.") from error
    if (known := manifest.get("format_version")) != FORMAT_VERSION or manifest.get("kind") != "tokens":
        raise CorruptError(f"{path} holds no token index of format version {FORMAT_VERSION}, but {known}.")
    return manifest


class TokenWriter:
    """Writes the tokens of documents as samples, and where each of these lies: the two large files of an index."""

    def __init__(
        self, samples: IO[bytes], locations: IO[bytes], *, dtype: str, sample_size: int | None
    ) -> None:
        """To the files `samples` and `locations`; without `sample_size` each document is a sample of its own."""
        self.num_samples = 0
        self._dtype = DTYPES[dtype]
        self._size = sample_size
        self._samples = samples
        self._locations = locations
        self._place = 0  # in the file of samples
        self._rest = np.empty(0, np.uint32)  # of the sample that is not full yet

    def write(self, tokens: Tokens, ends: Ints) -> None:
        """Go on with the tokens of some documents, one after the other, each up to its place in `ends`."""
        if self._size is not None:
            tokens = np.concatenate([self._rest, tokens])
            # The rest goes on with the next block, also across shards; the last one is never written, as
            # data-forager drops it.
            full = len(tokens) // self._size
            # A copy, so that the block it is of can go.
            tokens, self._rest = tokens[: full * self._size], tokens[full * self._size :].copy()
            ends = self._size * np.arange(1, full + 1)
        self._samples.write(tokens.astype(self._dtype).data)
        sizes = np.diff(ends, prepend=0) * self._dtype.itemsize
        rows = np.zeros((len(sizes), 3), "<u8")
        rows[:, 1] = self._place + np.cumsum(sizes) - sizes
        rows[:, 2] = sizes
        self._locations.write(rows.data)
        self._place += len(tokens) * self._dtype.itemsize
        self.num_samples += len(sizes)
