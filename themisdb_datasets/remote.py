"""Samples of an index that stays on the server, by number: one call a batch, stretches of tokens as ranges of bytes."""

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np

from themisdb_datasets.client import Client
from themisdb_datasets.errors import ConflictError, CorruptError, MalformedError
from themisdb_datasets.sample import Sample
from themisdb_datasets.tokens import DTYPES, Tokens

ASKED = 500  # numbers in one address, which proxies cut at 8 KB
T = TypeVar("T")


class _Found(msgspec.Struct):
    """A sample as the server answers it."""

    number: int
    sample: msgspec.Raw


class _Answer(msgspec.Struct):
    results: list[_Found]


_ANSWER = msgspec.json.Decoder(_Answer)
_TOKENS = msgspec.json.Decoder(list[int])


class RemoteIndex(Generic[T]):
    """What the indexes of lines and of tokens have in common. It can be pickled, and shared by threads and forks."""

    def __init__(self, client: Client, about: dict[str, Any]) -> None:
        self._client = client
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


class RemoteLines(RemoteIndex[Any]):
    """The samples of an offset index as objects."""

    def _read(self, raw: msgspec.Raw) -> Any:
        value = msgspec.json.decode(raw)
        return Sample(value) if isinstance(value, dict) else value


class RemoteTokens(RemoteIndex[Tokens]):
    """The samples of a token index as arrays; those that follow each other come raw, as one range of bytes."""

    def __init__(self, client: Client, about: dict[str, Any]) -> None:
        super().__init__(client, about)
        manifest = about["manifest"]
        self._dtype = DTYPES[manifest["dtype"]]
        self._size: int | None = manifest["sample_size"]
        self._etag = f'"{manifest["files"][manifest["samples"]]["sha256"]}"'

    def __getitems__(self, numbers: list[int]) -> list[Tokens]:
        if self._size and numbers and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return list(self._stretch(numbers[0], len(numbers), self._size))
        return super().__getitems__(numbers)

    def _stretch(self, first: int, count: int, size: int) -> Tokens:
        row = size * self._dtype.itemsize
        asked = f"bytes={first * row}-{(first + count) * row - 1}"
        answer = self._client.request("GET", f"{self._path}blocks/", headers={"Range": asked})
        if answer.headers.get("ETag") != self._etag or len(answer.content) != count * row:
            raise CorruptError(f"What {self._path} sent is not what was asked for; open the index anew.")
        tokens: Tokens = np.frombuffer(answer.content, self._dtype).reshape(count, size).copy()
        return tokens

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


def spelled(numbers: Sequence[int]) -> Iterator[str]:
    """The numbers as the API takes them, those that follow each other as a range."""
    start = 0
    for stop in range(1, len(numbers) + 1):
        if stop < len(numbers) and numbers[stop] == numbers[stop - 1] + 1:
            continue
        first, last = numbers[start], numbers[stop - 1]
        yield str(first) if first == last else f"{first}:{last + 1}"
        start = stop
