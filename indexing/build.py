"""The worker's side of indexes: an offset index is built, and published with the end of its job."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from django.utils import timezone

from indexing.models import Index
from indexing.reading import FILE_NAMES, SAMPLES, folder_of, offsets_over, part_paths
from themis_admin.datasets import artifacts
from themis_admin.datasets.kept import kept_files
from themis_admin.datasets.models import Version
from themis_admin.jobs import events
from themis_admin.jobs.runner import RunningJob
from themisdb_datasets.additions import added
from themisdb_datasets.criteria import Criteria
from themisdb_datasets.errors import ConflictError, GoneError
from themisdb_datasets.filters import parse_filter
from themisdb_datasets.folders import Lines, sha256_of
from themisdb_datasets.locations import as_one_file, index_lines, index_version
from themisdb_datasets.shard import describe_file
from themisdb_datasets.version import OpenVersion

FORMAT_VERSION = 1
OCTETS = "application/octet-stream"
# How the index's own files are called: where samples lie in the shards, and where in the folder that is downloaded.
IN_SHARDS, IN_FOLDER = "locations.bin", "places.bin"


class Known(NamedTuple):
    """An earlier index whose version was appended to: its locations hold for the first parts of the later one."""

    num_samples: int
    opened: OpenVersion
    locations: Path


def build_offsets(job: RunningJob, pk: int) -> None:
    """Build an offset index: from the shards' own where it is of a version, from the lines where it is of a file."""
    row = find(pk)
    Index.objects.filter(pk=pk).update(job_id=job.id)
    locations, places = job.workdir / IN_SHARDS, job.workdir / IN_FOLDER
    parts: list[str] = []
    reused = 0
    if row.version is not None:
        opened = row.version.open()
        parts = opened.part_names
        num_samples, reused = _of_version(row, row.version, opened, locations)
    else:
        with locations.open("wb") as out:
            num_samples = index_lines(part_paths(row)[0], out)
    # The samples lie in many shards here and in one file in the folder, so there are two sets of places.
    num_bytes = as_one_file(locations, places)
    manifest = {
        "format_version": FORMAT_VERSION,
        "kind": row.kind,
        "index": row.pk,
        **about(row),
        "num_samples": num_samples,
        "num_bytes": num_bytes,
        "parts": parts,
    }
    lines = Lines(offsets_over(locations, part_paths(row, manifest)), places)
    manifest["files"] = {
        # Read twice, which the progress counts with: here for the digest of the samples, and in `publish` for
        # that of the whole folder, which only exists as a download.
        SAMPLES: {"sha256": sha256_of(lines, _Pulse(job, 2 * num_bytes)), "num_bytes": num_bytes},
        "index/file_location.txt": described(FILE_NAMES),
        "index/sample_locations.bin": describe_file(places),
    }
    publish(job, row, manifest, {IN_SHARDS: locations, IN_FOLDER: places}, reused=reused)


class _Pulse:
    """Reports bytes to the job as they are read."""

    def __init__(self, job: RunningJob, total: int, done: int = 0) -> None:
        self.job, self.total, self.done = job, total, done

    def __call__(self, size: int) -> None:
        self.done += size
        self.job.report(self.done, self.total, unit="bytes")


def described(data: bytes) -> dict[str, Any]:
    """A short file as a manifest lists it."""
    return {"sha256": hashlib.sha256(data).hexdigest(), "num_bytes": len(data)}


def find(pk: int) -> Index:
    """The index of a job; GoneError where it was removed, ConflictError where it is built."""
    row: Index | None = Index.objects.for_lists().filter(pk=pk).first()
    if row is None:
        raise GoneError("The index was removed.")
    if row.published_at is not None:
        raise ConflictError("The index has its files already.", code="index_done")
    return row


def about(row: Index) -> dict[str, Any]:
    """What the index is of, for people and programs that have only its folder."""
    if row.version is None:
        return {"file": row.file_name}
    theme = {"name": row.theme_name, "where": row.where} if row.where is not None else None
    version = {"number": row.version.number, "digest": row.version.digest}
    return {"dataset": row.dataset.name if row.dataset else None, "version": version, "theme": theme}


def criteria_of(row: Index) -> Criteria | None:
    """What the index keeps of its version; None for all."""
    return None if row.where is None else Criteria((parse_filter(row.where),))


def _of_version(row: Index, version: Version, opened: OpenVersion, path: Path) -> tuple[int, int]:
    """Write where the samples lie; answers how many, and how many of them an earlier index knew."""
    criteria, known = criteria_of(row), _known(row, opened)
    positions: Any = None
    if known is None:
        if criteria is not None:
            positions = kept_files().get(opened, version.digest, criteria).positions
        return index_version(opened, positions, path), 0
    reused = known.num_samples
    begin = known.opened.num_samples
    if criteria is None:
        positions = range(begin, opened.num_samples)
    else:
        _, selection = added(
            criteria, before=known.opened, after=opened, digest=version.digest, cache=kept_files()
        )
        # What `added` finds is numbered within the new parts.
        positions = np.asarray(selection.positions, dtype=np.int64) + begin
    return index_version(opened, positions, path, base=(known.locations, reused)), reused


def _known(row: Index, opened: OpenVersion) -> Known | None:
    """The index of an earlier version, with the same filter, whose parts this version goes on from."""
    earlier = Index.objects.published().filter(dataset=row.dataset, kind=row.kind).exclude(pk=row.pk)
    # The newest first, for it has most in common with this
    # version; a few are enough, since each costs a query.
    for each in earlier.for_lists().order_by("-id")[:20]:
        parts: Sequence[str] = (each.manifest or {}).get("parts", ())
        if each.where != row.where or each.version is None or not 0 < len(parts) < len(opened.parts):
            continue
        ref = each.refs().filter(name=IN_SHARDS).first()
        # Names of parts have the digests of their shards and deletions, so equal names mean that every sample
        # before lies where it lay, at its old position.
        if opened.part_names[: len(parts)] == list(parts) and ref and ref.artifact.path.is_file():
            before = OpenVersion(opened.parts[: len(parts)], opened.deleted[: len(parts)])
            return Known(each.num_samples, before, ref.artifact.path)
    return None


def publish(
    job: RunningJob, row: Index, manifest: dict[str, Any], files: dict[str, Path], *, reused: int = 0
) -> None:
    """Publish an index's files, and the index with the end of the job."""
    kept = {name: describe_file(path) for name, path in files.items()}
    for name, path in files.items():
        job.check()
        artifacts.publish(path, digest=kept[name]["sha256"])
    paths: dict[str, Path] = {ref.name: ref.artifact.path for ref in row.refs()}
    for name, file in kept.items():
        paths[name] = artifacts.store().path(artifacts.FILES, file["sha256"])
    # Set on the object only, for `folder_of` reads it; the row gets it with the end of the job.
    row.manifest = manifest
    folder = folder_of(row, paths)
    num_bytes = manifest["num_bytes"]
    # The download is put together anew for each client. Its digest is found once, now, so that every client
    # can check what it got, and go on with a range.
    sha256 = sha256_of(folder, _Pulse(job, folder.size + num_bytes, num_bytes))
    told = {"index": row.pk, "num_samples": manifest["num_samples"], "num_reused": reused}
    with job.finishing(result=told):
        done = Index.objects.filter(pk=row.pk, published_at=None).update(
            manifest=manifest,
            num_samples=manifest["num_samples"],
            num_bytes=folder.size,
            sha256=sha256,
            published_at=timezone.now(),
        )
        if not done:
            raise GoneError("The index was removed, or has its files already.")
        for name, file in kept.items():
            artifacts.keep(
                digest=file["sha256"],
                num_bytes=file["num_bytes"],
                content_type=OCTETS,
                name=name,
                keeper=row.keeper,
                owner=row.owner,
            )
        data = {"index": row.pk, "kind": row.kind, "title": row.title}
        events.record("index.published", owner=row.owner, job=job.row, data=data)
