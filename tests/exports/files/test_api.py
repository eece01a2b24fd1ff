"""Exports as files: the stream's bytes, a manifest that proves them, once and whole whatever is killed, and their end."""

import dataclasses
import hashlib
import json
import os
import signal
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from django.conf import LazySettings
from django.utils import timezone
from rest_framework.test import APIClient

from exports.files import build as file_build
from exports.files import retention
from exports.files import services as file_exports
from exports.links import services as links
from exports.models import FileExport, Link
from tests.conftest import client_of
from tests.exports.conftest import Ask, text
from tests.processes import descendants, until
from tests.themis_admin.datasets.conftest import Ingest
from tests.themis_admin.jobs.conftest import Start, ended, reload, start
from themis_admin.accounts.models import AuditEntry, User
from themis_admin.artifacts.models import Artifact, ArtifactRef
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import runner
from themis_admin.jobs.models import Event, Job
from themis_admin.storage.stores import FILES, store
from themisdb_datasets.errors import ConflictError

__all__ = ["start"]

URL = "/api/v1/exports/"
Make = Callable[..., FileExport]


def made(client: APIClient, **body: Any) -> FileExport:
    """An export, asked for over HTTP and run by the real runner in this process."""
    response = client.post(URL, body, format="json")
    assert response.status_code == 202, response.json()
    runner.run(response.json()["job"]["id"])
    export: FileExport = FileExport.objects.get(pk=response.json()["export"]["id"])
    assert export.state == "succeeded", export.job and export.job.error
    return export


@pytest.fixture
def make(as_alice: APIClient, version: Version) -> Make:
    return lambda **body: made(as_alice, **body)


def content(export: FileExport) -> dict[str, bytes]:
    """An export's files as they are stored."""
    return {ref.name: ref.artifact.path.read_bytes() for ref in export.refs()}


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


def client_answer(client: APIClient, url: str) -> Any:
    response = client.get(url)
    assert response.status_code == 200, response.content
    return response.json()


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


def test_a_cursor_makes_a_file_of_the_rest(make: Make, ask: Ask) -> None:
    response = ask(dataset="Gesetze", limit=2)
    text(response)
    plan = response["X-Themis-Plan"]
    export = make(cursor=f"{plan}.2")
    assert content(export).popitem()[0] == "manifest.json"
    assert next(iter(content(export).values())).decode() == text(ask(cursor=f"{plan}.2"))


def test_the_cursor_of_a_continuous_stream_makes_no_file(
    as_alice: APIClient, version: Version, ask: Ask
) -> None:
    cursor = ask(theme="Lärm", stream_mode="continuous", limit=1)["X-Themis-Cursor"]
    refused = as_alice.post(URL, {"cursor": cursor, "file": {}}, format="json")
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["cursor"])


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"theme": "Lärm", "file": {"type": "xlsx"}}, 400, "file.type"),
        ({"theme": "Lärm", "file": {"typ": "jsonl"}}, 400, "file.typ"),
        ({"theme": "Lärm", "file": {"max_bytes": 0}}, 400, "file.max_bytes"),
        ({"theme": "Lärm", "file": {"max_bytes": "1GB"}}, 400, "file.max_bytes"),
        ({"theme": "Lärm", "file": "jsonl"}, 400, "file"),
        ({"theme": "Lärn"}, 400, "theme"),
        ({"theme": "Lärm", "stream_mode": "continuous"}, 400, "stream_mode"),
        ({"theme": "Lärm", "start": 99}, 422, "start"),
        ({"nothing": 1}, 400, "nothing"),
    ],
)
def test_bad_requests_name_the_field(
    as_alice: APIClient, version: Version, body: dict[str, Any], status: int, field: str
) -> None:
    response = as_alice.post(URL, body, format="json")
    assert (response.status_code, list(response.json()["fields"])) == (status, [field]), response.json()
    assert not FileExport.objects.exists()
    assert not Job.objects.filter(kind="export").exists()


def test_a_dry_run_makes_nothing(as_alice: APIClient, version: Version) -> None:
    response = as_alice.post(URL, {"theme": "Lärm", "dry_run": True}, format="json")
    assert (response.status_code, response.json()["num_samples"]) == (200, 3)
    assert not FileExport.objects.exists()


def test_the_same_request_under_a_key_is_one_export(as_alice: APIClient, version: Version) -> None:
    key = {"Idempotency-Key": "k1"}
    first, second = (
        as_alice.post(URL, {"theme": "Lärm"}, format="json", headers=key).json() for _ in range(2)
    )
    assert first["job"]["id"] == second["job"]["id"]
    assert FileExport.objects.count() == 1
    other = as_alice.post(URL, {"theme": "Daten"}, format="json", headers=key)
    assert other.status_code == 409


def test_to_others_it_does_not_exist(make: Make, bob: User, version: Version) -> None:
    export = make(theme="Lärm")
    as_bob = client_of(bob, "admin")
    assert client_answer(as_bob, URL)["results"] == []
    artifact = export.refs()[0].artifact
    for url in (
        f"{URL}{export.pk}/",
        f"/api/v1/artifacts/{artifact.pk}",
        f"/api/v1/artifacts/{artifact.pk}/about/",
    ):
        assert as_bob.get(url).status_code == 404
    assert as_bob.delete(f"{URL}{export.pk}/?break_links=true").status_code == 404
    assert as_bob.post(URL, {"theme": "Lärm"}, format="json").status_code == 400
    reader = client_of(export.owner, "read")
    assert reader.post(URL, {"theme": "Lärm"}, format="json").status_code == 403


def test_a_removed_version_fails_the_export_with_the_reason(as_alice: APIClient, version: Version) -> None:
    job = as_alice.post(URL, {"theme": "Lärm"}, format="json").json()["job"]["id"]
    Dataset.objects.update(latest=None)
    version.delete()
    runner.run(job)
    row = Job.objects.get(pk=job)
    assert (row.state, row.error_code) == ("failed", "stale_cursor")
    assert client_answer(as_alice, URL)["results"][0]["state"] == "failed"


def test_what_failed_can_be_tried_again(as_alice: APIClient, version: Version, folders: Path) -> None:
    answer = as_alice.post(URL, {"theme": "Lärm"}, format="json").json()
    as_alice_too = client_of(version.dataset.owner, "write")
    assert as_alice_too.post(f"/api/v1/jobs/{answer['job']['id']}/cancel/").status_code == 202
    again = as_alice_too.post(f"/api/v1/jobs/{answer['job']['id']}/retry/").json()["job"]["id"]
    runner.run(again)
    export = FileExport.objects.get()
    assert (export.state, export.job_id) == ("succeeded", again)


def test_removing_one_says_which_links_it_breaks(make: Make, as_alice: APIClient, alice: User) -> None:
    export = make(theme="Lärm")
    link = links.create_link(user=alice, export=export, note="for Bob")
    lines = export.refs()[0].artifact
    by_file = links.create_link(user=alice, artifact=lines)
    url = f"{URL}{export.pk}/"
    refused = as_alice.delete(url)
    assert (refused.status_code, refused.json()["code"]) == (409, "breaks_links")
    assert {each["id"] for each in refused.json()["fields"]["broken_links"]} == {link.pk, by_file.pk}
    told = as_alice.delete(f"{url}?dry_run=true")
    assert told.json()["freed_bytes"] == sum(len(each) for each in content(export).values())
    assert FileExport.objects.exists()
    assert as_alice.delete(f"{url}?break_links=true").status_code == 204
    assert as_alice.get(url).status_code == 404
    assert not ArtifactRef.objects.exists()
    assert {each.state for each in Link.objects.all()} == {"removed"}
    assert Job.objects.filter(kind="collect").exists()
    assert AuditEntry.objects.get(action="export.removed").detail["links"] == [link.pk, by_file.pk]


def test_a_file_that_another_export_keeps_breaks_no_link(make: Make, alice: User) -> None:
    first, second = make(theme="Lärm"), make(theme="Lärm")
    link = links.create_link(user=alice, artifact=first.refs()[0].artifact)
    assert file_exports.links_broken_by(first) == []
    file_exports.remove_export(first, user=alice)
    link.refresh_from_db()
    assert link.state == "active"
    assert links.files(link)[0].immutable.path.is_file()
    assert second.refs().count() == 2


def test_exports_expire_after_a_warning(make: Make, alice: User, settings: LazySettings) -> None:
    settings.THEMIS = dataclasses.replace(settings.THEMIS, export_days=30, export_warning_days=3)
    export = make(theme="Lärm")
    links.create_link(user=alice, export=export)
    assert export.expires_at is not None
    assert timedelta(days=29) < export.expires_at - timezone.now() <= timedelta(days=30)
    retention.tidy()
    assert not Event.objects.filter(kind="export.expiring").exists()

    rows = FileExport.objects.filter(pk=export.pk)
    rows.update(expires_at=timezone.now() + timedelta(days=2))
    for _ in range(2):
        retention.tidy()
    assert Event.objects.get(kind="export.expiring").data["num_links"] == 1
    rows.update(expires_at=timezone.now() - timedelta(minutes=1))
    retention.tidy()
    assert rows.exists()  # the warning is too young yet
    rows.update(warned_at=timezone.now() - timedelta(days=1, minutes=1))
    past = timezone.now().timestamp() - 3_600
    for ref in export.refs():
        os.utime(ref.artifact.path, (past, past))
    retention.tidy()
    assert not rows.exists()
    assert Event.objects.get(kind="export.removed").data["reason"] == "expired"
    assert list(store().digests(FILES)) == []


def test_an_export_can_be_kept_longer_or_for_good(make: Make, as_alice: APIClient) -> None:
    url = f"{URL}{make(theme='Lärm').pk}/"
    kept = as_alice.patch(url, {"keep_days": 90}, format="json").json()
    assert kept["expires_at"] > (timezone.now() + timedelta(days=89)).isoformat()
    assert as_alice.patch(url, {"keep_days": None}, format="json").json()["expires_at"] is None
    for wrong in ({"keep_days": 0}, {"keep_days": True}, {"keep_days": "3"}, {}, {"note": "x"}):
        assert as_alice.patch(url, wrong, format="json").status_code == 400, wrong


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
