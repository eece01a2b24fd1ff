"""Exports as files: the stream's bytes, a manifest that proves them, once and whole whatever is killed."""

import hashlib
import json
import os
import signal
import zlib
from datetime import timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from exports.files import build as file_build
from exports.models import FileExport
from tests.conftest import client_of
from tests.exports.conftest import URL, Ask, Make, client_answer, text
from tests.exports.files.conftest import content
from tests.processes import descendants, until
from tests.themis_admin.datasets.conftest import Ingest
from tests.themis_admin.jobs.conftest import Start, ended, reload, start
from themis_admin.accounts.models import User
from themis_admin.artifacts.models import Artifact, ArtifactRef
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import runner
from themis_admin.jobs.models import Event, Job
from themis_admin.storage.stores import FILES, store
from themisdb_datasets.errors import ConflictError

__all__ = ["start"]


def unpacked(name: str, stored: bytes) -> str:
    if name.endswith(".gz"):
        return zlib.decompress(stored, 31).decode()
    if name.endswith(".zst"):
        return bytes(pa.CompressedInputStream(pa.BufferReader(stored), "zstd").read()).decode()
    return stored.decode()


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "jsonl.zst"])
@pytest.mark.parametrize(
    "body",
    [
        {"theme": "Lärm"},
        {"dataset": "Gesetze", "order": "shuffled", "seed": 3, "limit": 4},
        {"dataset": "Gesetze", "format": "raw", "start": 1},
        {"dataset": "Gesetze", "rank": 1, "world_size": 2},
    ],
)
def test_a_file_has_the_bytes_of_the_stream(make: Make, ask: Ask, kind: str, body: dict[str, Any]) -> None:
    export = make(**body, file={"type": kind})
    (name, stored), _ = content(export).items()
    assert unpacked(name, stored) == text(ask(**body))
    assert name.endswith(f".{kind}")


def test_the_manifest_proves_the_files(make: Make, as_alice: APIClient) -> None:
    export = make(dataset="Gesetze", file={"type": "jsonl", "max_bytes": 300})
    stored = content(export)
    manifest = json.loads(stored.pop("manifest.json"))
    assert manifest == export.manifest
    assert len(stored) == len(manifest["files"]) > 1
    for file in manifest["files"]:
        assert hashlib.sha256(stored[file["name"]]).hexdigest() == file["sha256"]
        assert len(stored[file["name"]]) == file["num_bytes"]
        assert stored[file["name"]].count(b"\n") == file["num_samples"]
    assert sum(file["num_samples"] for file in manifest["files"]) == manifest["num_samples"] == 5
    assert manifest["plan"] == export.plan
    assert manifest["document"]["version"] == manifest["version"]["digest"] == export.version
    assert (manifest["weights"]["count"], manifest["weights"]["max"]) == (5, 2.0)
    again = client_answer(as_alice, f"{URL}{export.pk}/")
    assert [file["sha256"] for file in again["files"][:-1]] == [file["sha256"] for file in manifest["files"]]
    assert again["num_files"] == len(manifest["files"])
    assert again["job"]["unit"] == "samples"


def test_equal_exports_share_their_bytes(make: Make) -> None:
    first, second = make(theme="Lärm"), make(theme="Lärm")
    assert first.pk != second.pk
    assert Artifact.objects.count() == 2  # the lines and the manifest
    assert ArtifactRef.objects.count() == 4


def test_parquet_is_read_by_duckdb(make: Make, ask: Ask) -> None:
    export = make(theme="Lärm", file={"type": "parquet"})
    path = next(ref.artifact.path for ref in export.refs())
    found = duckdb.sql(f"SELECT instruction, output, weight, metadata FROM read_parquet('{path}')").fetchall()
    lines = [json.loads(line) for line in text(ask(theme="Lärm")).splitlines()]
    assert [row[:3] for row in found] == [
        (each["instruction"], each["output"], each["weight"]) for each in lines
    ]
    assert [json.loads(row[3]) for row in found] == [each["metadata"] for each in lines]


def test_a_claim_lost_at_the_last_moment_publishes_nothing(
    as_alice: APIClient, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = as_alice.post(URL, {"theme": "Lärm"}, format="json").json()["job"]["id"]
    monkeypatch.setattr(runner, "REPORT_SECONDS", 1e9)  # the first report after the start is the end
    lost = runner.claim(job)
    assert lost is not None
    lost.workdir.mkdir(parents=True)
    lost.report(0, 3, unit="samples")
    Job.objects.filter(pk=job).update(lease_until=timezone.now() - timedelta(seconds=1))
    runner.release_expired()
    with pytest.raises(runner.FencedError):
        file_build.build_files(lost, FileExport.objects.get().pk)
    assert len(list(store().digests(FILES))) == 2  # published, and kept by nobody
    assert not ArtifactRef.objects.exists()
    assert FileExport.objects.get().state == "queued"

    runner.run(job)
    export = FileExport.objects.get()
    assert (export.state, export.refs().count()) == ("succeeded", 2)
    assert len(list(store().digests(FILES))) == 2  # the same content is the same files
    with pytest.raises(ConflictError, match="already"):
        file_build.build_files(lost, export.pk)


NUM_SAMPLES = 150_000


@pytest.mark.django_db(transaction=True)
def test_an_export_whose_worker_is_killed_is_done_once_and_whole(
    start: Start, ingest: Ingest, dataset: Dataset, alice: User
) -> None:
    assert ingest({"n": n, "text": f"Absatz {n} über Lärm"} for n in range(NUM_SAMPLES)).state == "succeeded"
    client = client_of(alice, "export")
    body = {"dataset": "Gesetze", "format": "text_completion", "field_mapping": {"text_field": "text"}}
    body["file"] = {"type": "parquet", "max_bytes": 2_000_000}  # the slowest
    job = Job.objects.get(pk=client.post(URL, body, format="json").json()["job"]["id"])

    worker = start("worker")
    until(lambda: reload(job).done > 0, what="the export is in the middle")
    for pid in (worker.pid, *descendants(worker.pid)):
        os.kill(pid, signal.SIGKILL)
    assert reload(job).state == "running"  # nobody has noticed yet
    assert not ArtifactRef.objects.exists()

    start("worker")
    (row,) = ended(job, sweep=True)
    assert (row.state, row.lost_claims) == ("succeeded", 1), row.error
    export = FileExport.objects.get()
    assert export.num_samples == NUM_SAMPLES
    assert Event.objects.filter(kind="export.published").count() == 1
    paths = [str(ref.artifact.path) for ref in export.refs() if ref.name != "manifest.json"]
    assert len(paths) > 2
    (total, different) = duckdb.sql(
        f"SELECT count(*), count(DISTINCT text) FROM read_parquet({paths})"
    ).fetchall()[0]
    assert (total, different) == (NUM_SAMPLES, NUM_SAMPLES)
    for ref in export.refs():
        assert hashlib.sha256(ref.artifact.path.read_bytes()).hexdigest() == ref.artifact.digest
