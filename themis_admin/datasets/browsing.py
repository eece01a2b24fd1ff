"""Looking into a version from the console: pages of samples, counts that are kept, and rejected lines."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from django.core.cache import cache
from django.core.paginator import Paginator

from themis_admin.datasets.build import rejects_path
from themis_admin.datasets.models import Version
from themis_admin.datasets.samples import limits
from themisdb_datasets import browse
from themisdb_datasets.filters import parse_filter

DAY = 24 * 3600


@dataclass
class Window:
    """The samples of a version that a filter and a search keep, as a sequence that Django's paginator can cut."""

    version: Version
    where: dict[str, Any] | None = None
    search: str = ""
    order_by: str = ""
    page_size: int = 25
    seen: dict[tuple[int, int], tuple[list[int], int]] = field(default_factory=dict)

    def __getitem__(self, cut: slice) -> list[int]:
        positions, _ = self._page(cut.start, cut.stop - cut.start)
        return positions

    @cached_property
    def count(self) -> int:
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
        return self.count

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
    return Window(version, where).count


def paginate(window: Window) -> Paginator[int]:
    """Django's paginator over a window."""
    return Paginator(window, window.page_size)  # type: ignore[arg-type]


class Rejects:
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

    def __getitem__(self, cut: slice) -> list[dict[str, Any]]:
        return list(self._read(self.starts[cut]))

    def _read(self, starts: list[int]) -> Iterator[dict[str, Any]]:
        if not starts:
            return
        with self.path.open("rb") as lines:
            for start in starts:
                lines.seek(start)
                reject = json.loads(lines.readline())
                yield {**reject, "shown": reject.get("text") or f"base64 {reject.get('base64', '')}"}
