"""Looking into a version from the console: pages of samples, counts that are kept, and rejected lines."""

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, overload

from django.core.cache import cache

from themis_admin.datasets.build import rejects_path
from themis_admin.datasets.models import Version
from themis_admin.datasets.samples import limits
from themisdb_datasets import browse
from themisdb_datasets.filters import parse_filter

DAY = 24 * 3600
T = TypeVar("T")


class Cut(Sequence[T]):
    """A sequence that is read a page at a time, never as a whole: what Django's paginator takes."""

    @abstractmethod
    def between(self, start: int, stop: int) -> list[T]:
        """The items from `start` up to `stop`, both inside."""

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            start, stop, _ = index.indices(len(self))
            return self.between(start, stop)
        return self.between(index, index + 1)[0]


@dataclass(eq=False)
class Window(Cut[int]):
    """The samples of a version that a filter and a search keep, as a sequence that Django's paginator can cut."""

    version: Version
    where: dict[str, Any] | None = None
    search: str = ""
    order_by: str = ""
    page_size: int = 25
    seen: dict[tuple[int, int], tuple[list[int], int]] = field(default_factory=dict)

    def between(self, start: int, stop: int) -> list[int]:
        positions, _ = self._page(start, stop - start) if stop > start else ([], 0)
        return positions

    @cached_property
    def total(self) -> int:
        """How many there are; kept, as a version never changes."""
        if self.where is None and not self.search:
            return self.version.num_samples
        key = count_key(self.version, {"where": self.where, "search": self.search})
        found: int | None = cache.get(key)
        if found is None:
            _, found = self._page(0, self.page_size)
            cache.set(key, found, DAY)
        return found

    def __len__(self) -> int:
        return self.total

    def _page(self, offset: int, length: int) -> tuple[list[int], int]:
        if (offset, length) not in self.seen:
            self.seen[offset, length] = self._look(offset, length)
        return self.seen[offset, length]

    def _look(self, offset: int, length: int) -> tuple[list[int], int]:
        return browse.page(
            self.version.open(),
            parse_filter(self.where) if self.where is not None else None,
            search=self.search or None,
            order_by=self.order_by.removeprefix("-") or None,
            descending=self.order_by.startswith("-"),
            offset=offset,
            length=length,
            limits=limits(),
        )


def count_key(version: Version, asked: dict[str, Any]) -> str:
    """A cache key for a count over this version's samples."""
    text = json.dumps(asked, sort_keys=True)
    return f"count:{version.digest}:{hashlib.sha256(text.encode()).hexdigest()}"


def count_matches(version: Version, where: dict[str, Any]) -> int:
    """How many of the version's samples a filter keeps."""
    return len(Window(version, where))


class Rejects(Cut[dict[str, Any]]):
    """The rejected lines of a version as a sequence: an index of line starts, so that any page is read at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, version: Version) -> "Rejects":
        """Those of the job that made the version; none where the job is gone or rejected nothing."""
        return cls(rejects_path(version.job_id) if version.job_id else Path("/nonexistent"))

    @cached_property
    def starts(self) -> list[int]:
        """Where each line starts."""
        if not self.path.is_file():
            return []
        starts, at = [], 0
        with self.path.open("rb") as lines:
            for line in lines:
                starts.append(at)
                at += len(line)
        return starts

    def __len__(self) -> int:
        return len(self.starts)

    def between(self, start: int, stop: int) -> list[dict[str, Any]]:
        return list(self._read(self.starts[start:stop]))

    def _read(self, starts: list[int]) -> Iterator[dict[str, Any]]:
        if not starts:
            return
        with self.path.open("rb") as lines:
            for start in starts:
                lines.seek(start)
                reject = json.loads(lines.readline())
                yield {**reject, "shown": reject.get("text") or f"base64 {reject.get('base64', '')}"}
