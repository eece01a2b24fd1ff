"""Samples of an index that stays on the server, by number: one call a batch, stretches of tokens as ranges of bytes."""

import tarfile
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np

from themisdb_datasets.client.client import Client
from themisdb_datasets.errors import ConflictError, CorruptError, MalformedError
from themisdb_datasets.offsets import LOCATION_BYTES
from themisdb_datasets.tokens import DTYPES, Tokens
from themisdb_datasets.trainer.sample import Sample

STRETCH = 4096  # samples that are read at once by their places
ASKED = 500  # numbers in one address, which proxies cut at 8 KB
T = TypeVar("T")


class _Found(msgspec.Struct):
    """A sample as the server answers it."""

    number: int
    sample: msgspec.Raw


class _Results(msgspec.Struct):
    results: list[_Found]


_ANSWER = msgspec.json.Decoder(_Results)
_TOKENS = msgspec.json.Decoder(list[int])


class RemoteIndex(Generic[T]):
    """What the indexes of lines and of tokens have in common. It can be pickled, and shared by threads and forks."""

    def __init__(self, client: Client, about: dict[str, Any], digest: str) -> None:
        """`digest` is that of the file of which ranges are read."""
        self._client = client
        self._etag = f'"{digest}"'
        self._path = f"indexes/{about['id']}/"
        self._num_samples: int = about["num_samples"]

    def __len__(self) -> int:
        return self._num_samples

    def __getitems__(self, numbers: list[int]) -> list[T]:
        """The samples of these numbers, in their order."""
        parts = (numbers[start : start + ASKED] for start in range(0, len(numbers), ASKED))
        return [sample for part in parts for sample in self._some(part)]

    def _some(self, numbers: list[int]) -> Iterator[T]:
        try:
            parameters = {"ids": ",".join(spelled(numbers))}
            answer = self._client.request("GET", f"{self._path}samples/", params=parameters)
        except MalformedError as error:
            if "ids" not in error.fields or len(numbers) == 1:
                raise
            # They are too large for one answer.
            middle = len(numbers) // 2
            yield from self._some(numbers[:middle])
            yield from self._some(numbers[middle:])
            return
        try:
            found = _ANSWER.decode(answer.content).results
        except msgspec.DecodeError as error:
            raise CorruptError(f"The answer about {self._path} cannot be read: {error}.") from error
        if [each.number for each in found] != numbers:
            raise CorruptError(
                f"The answer about {self._path} has other samples than those that were asked for."
            )
        for each in found:
            yield self._read(each.sample)

    def _read(self, raw: msgspec.Raw) -> T:
        raise NotImplementedError

    def _bytes(self, path: str, start: int, stop: int) -> bytes:
        """A range of what lies at a path of the index; CorruptError where it is not the one that was opened."""
        headers = {"Range": f"bytes={start}-{stop - 1}"}
        answer = self._client.request("GET", f"{self._path}{path}", headers=headers)
        if answer.headers.get("ETag") != self._etag or len(answer.content) != stop - start:
            raise CorruptError(
                f"What {self._path}{path} sent is not what was asked for; open the index anew."
            )
        return answer.content


class RemoteLines(RemoteIndex[Any]):
    """The samples of an offset index as objects; stretches that are longer than one call takes come as ranges of bytes."""

    def __init__(self, client: Client, about: dict[str, Any]) -> None:
        super().__init__(client, about, about["sha256"])
        self._places: dict[str, int] = {}

    def __getitems__(self, numbers: list[int]) -> list[Any]:
        if len(numbers) <= ASKED or not _follow_each_other(numbers):
            return super().__getitems__(numbers)
        cuts = range(numbers[0], numbers[-1] + 1, STRETCH)
        return [
            each for first in cuts for each in self._stretch(first, min(first + STRETCH, numbers[-1] + 1))
        ]

    def _stretch(self, first: int, stop: int) -> Iterator[Any]:
        """Where the samples lie is read from the download's index, then they themselves."""
        samples = self._place("samples.jsonl")  # the last one, so all are known from then on
        base = self._place("index/sample_locations.bin")
        data = self._bytes("download/", base + LOCATION_BYTES * first, base + LOCATION_BYTES * stop)
        starts, sizes = np.frombuffer(data, "<u8").reshape(-1, 3)[:, 1:].T.tolist()
        lines = self._bytes("download/", samples + starts[0], samples + starts[-1] + sizes[-1])
        for start, size in zip(starts, sizes, strict=True):
            yield _object(lines[start - starts[0] : start - starts[0] + size])

    def _place(self, name: str) -> int:
        """Where a file of the download begins, which is a tar file."""
        at = 0
        while name not in self._places:
            # One header after the other (POSIX ustar: a block of 512 bytes, then the content up to a whole
            # block), and no content of them.
            header = self._bytes("download/", at, at + tarfile.BLOCKSIZE)
            member = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
            self._places[member.name] = at + tarfile.BLOCKSIZE
            at += tarfile.BLOCKSIZE + member.size + -member.size % tarfile.BLOCKSIZE
        return self._places[name]

    def _read(self, raw: msgspec.Raw) -> Any:
        return _object(raw)


class RemoteTokens(RemoteIndex[Tokens]):
    """The samples of a token index as arrays; those that follow each other come raw, as one range of bytes."""

    def __init__(self, client: Client, about: dict[str, Any]) -> None:
        manifest = about["manifest"]
        super().__init__(client, about, manifest["files"][manifest["samples"]]["sha256"])
        self._dtype = DTYPES[manifest["dtype"]]
        self._size: int | None = manifest["sample_size"]

    def __getitems__(self, numbers: list[int]) -> list[Tokens]:
        if not self._size or not _follow_each_other(numbers):
            return super().__getitems__(numbers)
        row = self._size * self._dtype.itemsize
        data = self._bytes("blocks/", numbers[0] * row, (numbers[-1] + 1) * row)
        return list(np.frombuffer(data, self._dtype).reshape(-1, self._size).copy())

    def _read(self, raw: msgspec.Raw) -> Tokens:
        tokens: Tokens = np.array(_TOKENS.decode(raw), self._dtype)
        return tokens


def open_index(index: int, client: Client) -> RemoteLines | RemoteTokens:
    """The index of this id. NotFoundError: there is none; ConflictError: it is not built yet."""
    about = client.get(f"indexes/{index}/")
    if about["published_at"] is None:
        raise ConflictError(
            f"Index {index} has no samples yet: it is {about['state']}.", code="index_unfinished"
        )
    return RemoteTokens(client, about) if about["kind"] == "tokens" else RemoteLines(client, about)


def _object(line: bytes | msgspec.Raw) -> Any:
    value = msgspec.json.decode(line)
    return Sample(value) if isinstance(value, dict) else value


def _follow_each_other(numbers: list[int]) -> bool:
    return bool(numbers) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def spelled(numbers: Sequence[int]) -> Iterator[str]:
    """The numbers as the API takes them, those that follow each other as a range."""
    start = 0
    for stop in range(1, len(numbers) + 1):
        if stop < len(numbers) and numbers[stop] == numbers[stop - 1] + 1:
            continue
        first, last = numbers[start], numbers[stop - 1]
        yield str(first) if first == last else f"{first}:{last + 1}"
        start = stop
