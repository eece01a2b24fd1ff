"""Samples by their number, as map-style datasets: of a folder, a snapshot or a server, in stored or in shuffled order."""

import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, Protocol, Self, SupportsIndex, TypeVar, overload

import msgspec
import numpy as np
import numpy.typing as npt

from themisdb_datasets import tokens
from themisdb_datasets.client.client import Client
from themisdb_datasets.errors import CorruptError, MalformedError, NotFoundError
from themisdb_datasets.extras import import_ours
from themisdb_datasets.offsets import FOLDER, OffsetIndex
from themisdb_datasets.order import Order, Ordering
from themisdb_datasets.tokens import TokenIndex
from themisdb_datasets.trainer.remote import open_index
from themisdb_datasets.trainer.sample import Sample

SNAPSHOTS = (".parquet", ".duckdb")
ITERATED = 256  # samples that are read at once by a loop over all

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class SampleSource(Protocol[T_co]):
    """Where samples come from: `numbers` are from 0 and below its length. It can be pickled, and shared by threads."""

    def __len__(self) -> int: ...

    def __getitems__(self, numbers: list[int], /) -> Sequence[T_co]: ...


class Foraged(Protocol):
    """data-forager's SampleIndex."""

    @property
    def file_locations(self) -> Sequence[str]: ...

    @property
    def sample_locations(self) -> npt.NDArray[np.uint64]: ...


class Numbered(Sequence[T]):
    """Samples of a source by number: `dataset[i]`, also negative, a slice as a list, and a batch by `__getitems__`.

    With `shuffle` they are in a true permutation of all, given by seed and epoch: the one that a stream of as many
    samples has. It may be shared by threads and forked workers, and pickled.
    """

    def __init__(
        self, source: SampleSource[T], *, shuffle: bool = False, seed: int = 0, epoch: int = 0
    ) -> None:
        self._source = source
        self._ordering = Ordering("shuffled" if shuffle else "stored", seed)
        self._drawn: tuple[int, Order] | None = None  # for which epoch
        self._epoch = _shared(epoch)

    @property
    def epoch(self) -> int:
        """The epoch whose order the samples have."""
        return int(self._epoch[0])

    def set_epoch(self, epoch: int) -> None:
        """Shuffle anew for this epoch.

        Workers that a DataLoader keeps alive (persistent_workers) see it too, if torch was imported before this was made.
        """
        self._epoch[0] = epoch

    def __len__(self) -> int:
        return len(self._source)

    @overload
    def __getitem__(self, index: SupportsIndex) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> T | list[T]:
        if isinstance(index, slice):
            return self.__getitems__(range(*index.indices(len(self))))
        return self.__getitems__((index,))[0]

    def __getitems__(self, indices: Iterable[SupportsIndex]) -> list[T]:
        """The samples of a batch at once, which is what torch's DataLoader asks for. IndexError for one outside."""
        if "torch" in sys.modules:
            # So that a DataLoader's default_collate makes batches of samples that lack a key.
            import_ours("pytorch.collating")
        return list(self._source.__getitems__(self._numbers([operator.index(each) for each in indices])))

    def __iter__(self) -> Iterator[T]:
        for start in range(0, len(self), ITERATED):
            yield from self.__getitems__(range(start, min(start + ITERATED, len(self))))

    def _numbers(self, indices: list[int]) -> list[int]:
        count = len(self)
        for index in indices:
            if not -count <= index < count:
                raise IndexError(f"sample {index} of {count}")
        numbers = [index if index >= 0 else index + count for index in indices]
        if self._ordering.kind == "stored" or not numbers:
            return numbers
        shuffled: list[int] = self._order().at(np.array(numbers, np.uint64)).tolist()
        return shuffled

    def _order(self) -> Order:
        epoch, drawn = self.epoch, self._drawn
        if drawn is None or drawn[0] != epoch:
            # In one step, for another thread may be here too.
            self._drawn = drawn = epoch, replace(self._ordering, epoch=epoch).over(len(self))
        return drawn[1]

    def __getstate__(self) -> dict[str, Any]:
        # An order keeps its permutations in an lru_cache, which cannot be pickled; it is drawn anew where it
        # arrives.
        return {**self.__dict__, "_drawn": None}


def _shared(number: int) -> Any:
    """The number in a list of one; where there is torch, in memory that other processes see too."""
    torch = sys.modules.get("torch")
    return [number] if torch is None else torch.tensor([number]).share_memory_()


class DecodedLines(Generic[T]):
    """The lines of an offset index, each decoded."""

    def __init__(self, index: OffsetIndex, decode: Callable[[bytes], T]) -> None:
        self._index, self._decode = index, decode

    def __len__(self) -> int:
        return len(self._index)

    def __getitems__(self, numbers: list[int]) -> list[T]:
        found: list[T] = []
        try:
            found.extend(map(self._decode, self._index.__getitems__(numbers)))
        except ValueError as error:  # also msgspec's, and that of bytes in another encoding
            raise CorruptError(f"Sample {numbers[len(found)]} cannot be read: {error}.") from error
        return found


class ThemisDataset(Numbered[Any]):
    """The samples of a downloaded index or snapshot, or by `remote` of an index that stays on the server.

    `path` is the folder of an offset index (samples as objects) or of a token index (arrays of tokens), or a snapshot:
    its folder, its .duckdb or its .parquet file. Snapshots need the extra [engine], though for Parquet [hf] is enough, and
    an Arrow file is written beside them, or into `cache_dir`, when they are opened for the first time.
    """

    def __init__(
        self,
        path: str | Path | SampleSource[Any],
        *,
        shuffle: bool = False,
        seed: int = 0,
        epoch: int = 0,
        cache_dir: str | Path | None = None,
    ) -> None:
        source = _open(Path(path), cache_dir) if isinstance(path, str | Path) else path
        super().__init__(source, shuffle=shuffle, seed=seed, epoch=epoch)

    @classmethod
    def remote(
        cls, index: int, base_url: str | None = None, token: str | None = None, **options: Any
    ) -> "ThemisDataset":
        """The samples of the index of this id on the server, each batch one call; `options` are the constructor's."""
        return cls(open_index(index, Client(base_url, token)), **options)


def _open(path: Path, cache_dir: str | Path | None) -> SampleSource[Any]:
    if (path / tokens.FOLDER).is_dir():
        return TokenIndex.open(path)
    if (path / FOLDER).is_dir():
        return DecodedLines(OffsetIndex.open(path), _object)
    if path.suffix in SNAPSHOTS or any(any(path.glob(f"*{suffix}")) for suffix in SNAPSHOTS):
        # They need DuckDB or pyarrow, which nothing else here does.
        table: SampleSource[Any] = import_ours("trainer.snapshot_table").SnapshotTable(
            path, cache_dir=None if cache_dir is None else Path(cache_dir)
        )
        return table
    raise NotFoundError(
        f"{path} is neither the folder of an index nor a snapshot; give the folder that the download was unpacked to."
    )


class Forager(Numbered[T]):
    """What data-forager's datasets have in common: they are made of a sample index, or open the one in a folder."""

    def __init__(
        self,
        sample_index: OffsetIndex | Foraged,
        name: str | None,
        *,
        decode: Callable[[bytes], T],
        shuffle: bool = False,
        seed: int = 0,
    ) -> None:
        if not isinstance(sample_index, OffsetIndex):
            files = [Path(file) for file in sample_index.file_locations]
            sample_index = OffsetIndex(sample_index.sample_locations, files)
        super().__init__(DecodedLines(sample_index, decode), shuffle=shuffle, seed=seed)
        self.name = name or type(self).__name__

    @classmethod
    def create_from_index_on_filesystem(
        cls, base_path: str | Path, index_data_folder: str = FOLDER, name: str | None = None, **options: Any
    ) -> Self:
        """Open the index in `base_path`/`index_data_folder`; `options` are those of the constructor."""
        index = OffsetIndex.open(Path(base_path), index_folder=index_data_folder)
        return cls(index, name=name, **options)

    @property
    def is_initialized(self) -> bool:
        return True

    def initialize(self) -> None:
        """All is open already; data-forager's programs call it."""


class JsonlDataset(Forager[Any]):
    """data-forager's JsonlDataset: the lines of JSONL files as objects."""

    def __init__(
        self,
        sample_index: OffsetIndex | Foraged,
        text_encoding: str = "utf-8",
        name: str | None = None,
        **options: Any,
    ) -> None:
        decode = _object if text_encoding.lower() in ("utf-8", "utf8") else _Encoded(text_encoding)
        super().__init__(sample_index, name, decode=decode, **options)


class TokensDataset(Forager[npt.NDArray[Any]]):
    """data-forager's TokensDataset: samples of tokens as arrays of `token_dtype`, each a copy of its own."""

    def __init__(
        self,
        sample_index: OffsetIndex | Foraged,
        token_dtype: npt.DTypeLike,
        name: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(sample_index, name, decode=_Tokens(np.dtype(token_dtype)), **options)

    @classmethod
    def create_from_index_on_filesystem(
        cls, base_path: str | Path, index_data_folder: str = FOLDER, name: str | None = None, **options: Any
    ) -> Self:
        """As data-forager's; `token_dtype` may be left out where a manifest says it."""
        if "token_dtype" not in options:
            known = tokens.read_manifest(Path(base_path)).get("dtype")
            if known not in tokens.DTYPES:
                raise MalformedError("Say of which type the tokens are: token_dtype=np.uint16 or np.uint32.")
            options["token_dtype"] = tokens.DTYPES[known]
        return super().create_from_index_on_filesystem(base_path, index_data_folder, name, **options)


def _object(line: bytes | str) -> Any:
    value = msgspec.json.decode(line)
    return Sample(value) if isinstance(value, dict) else value


class _Encoded:
    def __init__(self, encoding: str) -> None:
        self.encoding = encoding

    def __call__(self, line: bytes) -> Any:
        return _object(line.decode(self.encoding))


class _Tokens:
    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype

    def __call__(self, data: bytes) -> npt.NDArray[Any]:
        return np.frombuffer(data, self.dtype).copy()
