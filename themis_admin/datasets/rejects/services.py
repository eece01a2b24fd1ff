"""Reading the lines that a job rejected."""

import base64
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from themis_admin.datasets.models import Version
from themis_admin.datasets.samples.services import MAX_LENGTH
from themis_admin.jobs.files import rejects_path
from themis_admin.web.windows import Cut


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


REJECT_TEXT = 1024


def rejects(
    job_id: int | None, *, offset: int = 0, length: int = MAX_LENGTH
) -> tuple[list[dict[str, Any]], bool]:
    """A page of the lines that a job rejected, and whether there are more; their texts are shortened."""
    found: list[dict[str, Any]] = []
    path = rejects_file(job_id)
    if path is None:
        return found, False
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number >= offset + length:
                return found, True
            if number >= offset:
                found.append({"number": number, **_shortened(msgspec.json.decode(line))})
    return found, False


def rejects_file(job_id: int | None) -> Path | None:
    """The file of rejected lines, if the job rejected any."""
    path = rejects_path(job_id) if job_id is not None else None
    return path if path is not None and path.exists() else None


def _shortened(reject: dict[str, Any]) -> dict[str, Any]:
    for key in ("text", "base64"):
        if isinstance(reject.get(key), str) and len(reject[key]) > REJECT_TEXT:
            reject |= {key: reject[key][:REJECT_TEXT], "truncated": True}
    return reject
