"""The worker's side of indexes: one of offsets or of tokens is built, and published with the end of its job."""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from django.conf import settings
from django.utils import timezone

from indexing.indexes.reading import (
    FILE_NAMES,
    SAMPLES,
    TOKENS_BIN,
    TOKENS_PLACES,
    folder_of,
    offsets_over,
    part_paths,
)
from indexing.models import Index
from indexing.tokenizers import services as tokenizers
from themis_admin.artifacts import services as artifacts
from themis_admin.datasets.models import Version
from themis_admin.jobs import events
from themis_admin.jobs.runner import RunningJob
from themis_admin.storage import stores
from themis_admin.storage.space import Progress
from themis_admin.storage.stores import kept_files
from themisdb_datasets.engine.indexes.locations import as_one_file, index_version
from themisdb_datasets.engine.indexes.packing import Packing, build_tokens
from themisdb_datasets.engine.indexes.tar import IndexLines, sha256_of
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.selections.additions import added
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.shards.shard import describe_file
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import ConflictError, GoneError
from themisdb_datasets.offsets import index_lines
from themisdb_datasets.tokens import LOCATIONS

FORMAT_VERSION = 1
OCTETS = "application/octet-stream"
# How the index's own files are called: where samples lie in the shards, and where in the folder that is downloaded.
IN_SHARDS, IN_FOLDER = "locations.bin", "places.bin"
STEM = "samples"  # as data-forager calls what it makes of samples.jsonl
MAX_THEMES = 100  # whose tokens are counted with those of the whole version
LOOK_EVERY = 100_000  # samples between two looks at the free space


class EarlierIndex(NamedTuple):
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
    lines = IndexLines(offsets_over(locations, part_paths(row, manifest)), places)
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


def _known(row: Index, opened: OpenVersion) -> EarlierIndex | None:
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
            return EarlierIndex(each.num_samples, before, ref.artifact.path)
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
        paths[name] = stores.store().path(stores.FILES, file["sha256"])
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


def build_token_index(job: RunningJob, pk: int) -> None:
    """Build a token index of a version, or of what a theme keeps of it."""
    row = find(pk)
    Index.objects.filter(pk=pk).update(job_id=job.id)
    version, params = row.version, row.params
    assert version is not None  # no token index is of a file
    opened = version.open()
    criteria = criteria_of(row)
    positions: Any = range(opened.num_samples)
    if criteria is not None:
        positions = kept_files().get(opened, version.digest, criteria).positions
    packing = Packing(
        parse_value(params["text_field"]), params["sample_size"], params["eos_token"], params["dtype"]
    )
    folder = job.workdir / "tokens"
    progress = Progress(partial(job.report, unit="samples"), Path(settings.THEMIS.work_dir), every=LOOK_EVERY)
    manifest = build_tokens(
        opened,
        positions,
        packing,
        tokenizers.load(params["tokenizer_sha256"]),
        folder,
        stem=STEM,
        report=lambda done: progress(done, len(positions)),
        # Tokens of themes can only be counted where all samples pass by.
        themes=_themes(version, opened) if criteria is None else None,
    )
    samples = folder / manifest["samples"]
    manifest = {**manifest, "index": row.pk, **about(row), "num_bytes": samples.stat().st_size}
    # By its digest, not by the tokenizer's row, which may have been deleted: the index keeps the file.
    tokenizer = stores.store().path(stores.FILES, params["tokenizer_sha256"])
    manifest["files"][tokenizers.FILE_NAME] = describe_file(tokenizer)
    publish(job, row, manifest, {TOKENS_BIN: samples, TOKENS_PLACES: folder / LOCATIONS})


def _themes(version: Version, opened: OpenVersion) -> dict[str, "np.ndarray[Any, Any]"]:
    """The positions of each theme of the dataset, whose tokens are counted on the way."""
    found = {}
    for theme in version.dataset.themes.order_by("pk")[:MAX_THEMES]:
        criteria = Criteria((parse_filter(theme.where),))
        found[theme.name] = kept_files().get(opened, version.digest, criteria).positions
    return found
