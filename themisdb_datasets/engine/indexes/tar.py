"""Folders as one download: a tar file whose every byte is known beforehand, so that any part of it can be asked for."""

import hashlib
import tarfile
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from themisdb_datasets.offsets import OffsetIndex

PIECE_BYTES = 1 << 20
END = b"\0" * (2 * tarfile.BLOCKSIZE)


class TarContent(Protocol):
    """A file's bytes, wherever they come from."""

    @property
    def size(self) -> int: ...

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` to before `stop`, in pieces of about 1 MiB."""
        ...


@dataclass(frozen=True)
class HeldBytes:
    """A short file that is held in memory."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        yield self.data[start:stop]


@dataclass(frozen=True)
class File:
    """A file on the disk."""

    path: Path

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        with self.path.open("rb", buffering=0) as file:
            file.seek(start)
            while start < stop and (piece := file.read(min(PIECE_BYTES, stop - start))):
                start += len(piece)
                yield piece


class IndexLines:
    """The samples of an index end to end; `places` [num_samples, 3] says where each of them lies then."""

    def __init__(self, index: OffsetIndex, places: Path) -> None:
        self.index = index
        empty = not places.stat().st_size
        self.places = np.empty(0, np.uint64) if empty else np.memmap(places, np.uint64, "r")

    @property
    def size(self) -> int:
        return int(self.places[-2] + self.places[-1]) if len(self.places) else 0

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        numbers = range(len(self.index))
        while start < stop:
            first = bisect_right(numbers, start, key=self._place) - 1
            last = bisect_right(numbers, min(start + PIECE_BYTES, stop - 1), lo=first, key=self._place)
            at = self._place(first)
            piece = b"".join(self.index.__getitems__(range(first, last)))[start - at : stop - at]
            start += len(piece)
            yield piece

    def _place(self, number: int) -> int:
        return int(self.places[3 * number + 1])


class Tar:
    """A tar file of these members, each a name and its content; equal members make equal files."""

    content_type = "application/x-tar"

    def __init__(self, members: Sequence[tuple[str, TarContent]]) -> None:
        self._parts: list[TarContent] = []
        for name, content in members:
            about = tarfile.TarInfo(name)
            about.size = content.size
            # A member is filled up to whole blocks, and two empty ones end the archive (POSIX, ustar).
            # TarInfo's own owner and time are 0: nothing of this machine gets into the file. GNU's format,
            # for a size in ustar ends at 8 GiB.
            padding = b"\0" * (-content.size % tarfile.BLOCKSIZE)
            self._parts += [HeldBytes(about.tobuf(tarfile.GNU_FORMAT)), content, HeldBytes(padding)]
        self._parts.append(HeldBytes(END))
        self._starts = np.cumsum([0, *(part.size for part in self._parts)]).tolist()

    @property
    def size(self) -> int:
        return int(self._starts[-1])

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` to before `stop`, in pieces of about 1 MiB."""
        for part, begin, end in zip(self._parts, self._starts, self._starts[1:], strict=False):
            if begin < end and begin < stop and end > start:
                yield from part.read(max(start - begin, 0), min(stop, end) - begin)


def sha256_of(content: TarContent, pulse: Callable[[int], None] = lambda size: None) -> str:
    """SHA-256 of all of it, in hexadecimal; `pulse` is told the size of each piece."""
    digest = hashlib.sha256()
    for piece in content.read(0, content.size):
        digest.update(piece)
        pulse(len(piece))
    return digest.hexdigest()
