"""Looking into a version from the console: pages of samples, and rejected lines."""

import base64
import json
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast, overload

from themis_admin.datasets import samples
from themis_admin.datasets.models import Version
from themis_admin.jobs.files import rejects_path
from themisdb_datasets.filters import parse_filter

T = TypeVar("T")


# Django's paginator takes any sequence: it asks for its length and for one slice. That is all this has to
# answer, so a version of a hundred million samples is paged through without a list of them.
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

    @cached_property
    def positions(self) -> Sequence[int]:
        """All of them, by page: a range, or a file that is mapped."""
        where = parse_filter(self.where) if self.where is not None else None
        return cast(
            "Sequence[int]",
            samples.positions(
                self.version, self.version.open(), where=where, search=self.search, order_by=self.order_by
            ),
        )

    def between(self, start: int, stop: int) -> list[int]:
        return [int(position) for position in self.positions[start:stop]]

    def __len__(self) -> int:
        return len(self.positions)


def count_matches(version: Version, where: dict[str, Any]) -> int:
    """How many of the version's samples a filter keeps."""
    return len(Window(version, where))


class Rejects(Cut[dict[str, Any]]):
    """The lines that a job rejected as a sequence: an index of line starts, so that any page is read at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, version: Version) -> "Rejects":
        """Those of the job that made the version; none where the job is gone or rejected nothing."""
        return cls.of_job(version.job_id)

    @classmethod
    def of_job(cls, job_id: int | None) -> "Rejects":
        """Those of a job."""
        return cls(rejects_path(job_id) if job_id else Path("/nonexistent"))

    @cached_property
    def starts(self) -> list[int]:
        """Where each line starts."""
        if not self.path.is_file():
            return []
        # Places instead of lines: a rejected line may be as large
        # as a line may be, and only a page of them is ever shown.
        starts, at = [], 0
        with self.path.open("rb") as lines:
            for line in lines:
                starts.append(at)
                at += len(line)
        return starts

    def __len__(self) -> int:
        return len(self.starts)

    def between(self, start: int, stop: int) -> list[dict[str, Any]]:
        return list(self._read(start, stop))

    def _read(self, start: int, stop: int) -> Iterator[dict[str, Any]]:
        starts = self.starts[start:stop]
        if not starts:
            return
        with self.path.open("rb") as lines:
            for number, place in enumerate(starts, start=start):
                lines.seek(place)
                reject = json.loads(lines.readline())
                # What is not UTF-8 is most often Windows' own; Latin-1 gives every byte a character.
                is_text = "text" in reject
                shown = reject["text"] if is_text else base64.b64decode(reject["base64"]).decode("latin-1")
                yield {**reject, "number": number, "shown": shown, "is_text": is_text}
