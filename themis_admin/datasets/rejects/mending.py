"""Rejected lines that somebody has mended are sent again: they become samples of a new version."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from themis_admin.accounts.models import User
from themis_admin.datasets.ingest import services
from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.rejects.services import rejects_file
from themis_admin.jobs.models import Job
from themisdb_datasets.engine.shards.verdicts import verdict
from themisdb_datasets.errors import ImpossibleError, MalformedError, NotFoundError

MAX_LINES = 1_000
MODES = ("append", "upsert")


class KeptLine(msgspec.Struct):
    """What has to be known of a rejected line."""

    line: int
    truncated: bool = False


@dataclass(frozen=True)
class Rejected:
    """The lines that one ingest into a dataset rejected, whether it made a version (`name` says which) or none."""

    dataset: Dataset
    job_id: int | None
    name: str
    mode: str

    @classmethod
    def of_version(cls, version: Version) -> "Rejected":
        """Those of the job that made the version."""
        return cls(version.dataset, version.job_id, f"version-{version.number}", version.mode)

    @classmethod
    def of_job(cls, job: Job, *, user: User) -> "Rejected":
        """Those of an ingest; NotFoundError for another kind of job, and where its dataset is gone."""
        dataset = Dataset.objects.visible_to(user).filter(pk=job.params.get("dataset")).first()
        if job.kind != "ingest" or dataset is None:
            raise NotFoundError("The job ingested nothing into a dataset that is there.")
        return cls(dataset, job.pk, f"job-{job.pk}", job.params["mode"])


def start_mended(
    rejected: Rejected, *, user: User, lines: Mapping[int, str], mode: str = "append", note: str = ""
) -> Job:
    """Queue the ingest of mended lines, each named by its number in the list of the rejects, from 0.

    MalformedError where a line is none of them, was cut, or is no sample yet: all of these at once, by field.
    """
    if not 1 <= len(lines) <= MAX_LINES:
        raise MalformedError.at("lines", "Send 1 to {most:,} mended lines at a time.", most=MAX_LINES)
    services.check_mode(mode, MODES)
    key = rejected.dataset.key_field if mode == "upsert" else ""
    # Lines are named by their number and looked up in the file, so that a line which was cut when it was
    # kept, and would lose its rest, cannot be sent as if it were whole.
    kept = dict(_kept(rejects_file(rejected.job_id), lines))
    faults: dict[str, Any] = {}
    for number, text in lines.items():
        if fault := _fault(kept.get(number), text, key):
            faults[f"lines.{number}"] = fault
    if faults:
        first = next(iter(faults.values()))
        count = "One line is" if len(faults) == 1 else f"{len(faults):,} lines are"
        raise ImpossibleError(f"{count} no sample yet: {first}", code="not_mended", fields=faults)
    content = b"".join(text.strip().encode() + b"\n" for _, text in sorted(lines.items()))
    file = SimpleUploadedFile(f"mended-lines-of-{rejected.name}.jsonl", content)
    return services.start_ingest(rejected.dataset, user=user, sources=[file], mode=mode, note=note)


def _kept(path: Path | None, wanted: Mapping[int, str]) -> Iterator[tuple[int, KeptLine]]:
    """Those of the rejected lines that are wanted."""
    if path is None:
        return
    last = max(wanted)
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if number in wanted:
                yield number, msgspec.json.decode(line, type=KeptLine)
            if number >= last:
                return


def _fault(kept: KeptLine | None, text: str, key: str) -> str:
    """Why this line cannot be sent; empty where it can."""
    if kept is None:
        return "There is no rejected line of this number."
    if kept.truncated:
        return f"Line {kept.line:,} was cut when it was rejected; mend it in the file and upload that."
    if not text.strip():
        return "The line is empty."
    if "\n" in text.strip() or "\r" in text.strip():
        return "A sample is one line; take the line breaks out."
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        return "The line holds a character that cannot be sent."
    # The very check of ingest: what passes here is not rejected again by the job.
    reject = verdict(text.encode(), max_line_bytes=settings.THEMIS.max_line_bytes, key=key)
    return reject.message if reject is not None else ""


def as_lines(given: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Lines as a request has them, by their number. MalformedError where one is there twice."""
    lines: dict[int, str] = {}
    for place, each in enumerate(given):
        if each["number"] in lines:
            raise MalformedError.at(
                f"lines[{place}].number", "Line {number} is there twice.", number=each["number"]
            )
        lines[each["number"]] = each["text"]
    return lines
