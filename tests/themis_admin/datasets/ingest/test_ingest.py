"""Ingest from the request to the published version, with the real runner."""

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES, Ingest, write
from themis_admin.accounts.models import User
from themis_admin.datasets.ingest import services
from themis_admin.datasets.models import Dataset, Shard, Upload, Version
from themis_admin.jobs import runner
from themis_admin.jobs import services as jobs
from themis_admin.jobs.files import rejects_path
from themis_admin.jobs.models import Event, Job
from themisdb_datasets.errors import TooLargeError

pytestmark = pytest.mark.django_db(transaction=True)


def lines(version: Version) -> list[Any]:
    opened = version.open()
    return [json.loads(opened.line(position)) for position in range(opened.num_samples)]


def test_a_file_becomes_version_1(ingest: Ingest, dataset: Dataset, alice: User) -> None:
    job = ingest(SAMPLES, note="Der Anfang")
    version = Version.objects.get()
    assert job.state == "succeeded", job.error
    assert job.result == {"version": version.pk, "num_samples": 4, "num_rejects": 0, "num_blank": 0}
    assert (version.number, version.parent, version.mode, version.note) == (1, None, "append", "Der Anfang")
    assert (version.num_samples, version.source_name, version.created_by) == (4, "corpus.jsonl", alice)
    assert lines(version) == SAMPLES
    assert dataset.latest == version
    assert {"name": "meta.n", "types": ["integer"], "nulls": 0, "absent": 3} in version.fields
    (event,) = Event.objects.filter(kind="version.published")
    assert event.data["version"] == version.pk
    assert event.owner == alice


def test_append_shares_the_shards_that_are_there(ingest: Ingest, dataset: Dataset) -> None:
    ingest(SAMPLES[:2])
    first = dataset.latest
    ingest(SAMPLES[2:])
    second = dataset.latest
    assert first is not None
    assert second is not None
    assert (second.number, second.parent) == (2, first)
    assert lines(second) == SAMPLES
    assert second.shard_paths()[:1] == first.shard_paths()
    assert lines(first) == SAMPLES[:2]


def test_the_digest_does_not_see_how_the_samples_came(ingest: Ingest, dataset: Dataset) -> None:
    ingest(SAMPLES)
    whole = dataset.latest
    ingest(SAMPLES[:1], mode="replace")
    ingest(SAMPLES[1:])
    assert whole is not None
    assert dataset.latest is not None
    assert dataset.latest.digest == whole.digest
    assert dataset.latest.version_shards.count() == 2


def test_replace_leaves_the_earlier_version_as_it_was(ingest: Ingest, dataset: Dataset) -> None:
    ingest(SAMPLES)
    before = dataset.latest
    ingest(SAMPLES[:1], mode="replace")
    assert dataset.latest is not None
    assert before is not None
    assert (dataset.latest.num_samples, dataset.latest.parent) == (1, before)
    assert lines(before) == SAMPLES


def test_the_same_file_twice_is_one_shard_and_two_versions(ingest: Ingest, dataset: Dataset) -> None:
    ingest(SAMPLES)
    ingest(SAMPLES)
    assert (Shard.objects.count(), Version.objects.count()) == (1, 2)
    assert dataset.latest is not None
    assert lines(dataset.latest) == SAMPLES + SAMPLES


def test_many_small_shards_read_as_one_version(
    ingest: Ingest, dataset: Dataset, settings: LazySettings
) -> None:
    settings.THEMIS = dataclasses.replace(settings.THEMIS, shard_bytes=2000)
    samples = [{"n": n, "text": "x" * 100} for n in range(500)]
    ingest(samples)
    assert dataset.latest is not None
    assert dataset.latest.version_shards.count() > 10
    assert lines(dataset.latest) == samples


def test_rejected_lines_are_kept_with_number_offset_and_reason(ingest: Ingest, dataset: Dataset) -> None:
    job = ingest([SAMPLES[0], b"{broken", b"", b"[1]", b'{"a": NaN}', SAMPLES[1]])
    version = dataset.latest
    assert version is not None
    assert job.result["num_rejects"] == 3
    assert (version.num_samples, version.num_rejects, version.num_blank) == (2, 3, 1)
    kept = [json.loads(line) for line in rejects_path(job.pk).read_text().splitlines()]
    assert [each["line"] for each in kept] == [2, 4, 5]
    assert [each["reason"] for each in kept] == ["invalid_json", "not_an_object", "nan_or_infinity"]
    assert kept[0]["text"] == "{broken"


@pytest.mark.parametrize("content", [[], [b"", b"   ", b"\t"]])
def test_a_file_without_samples_makes_no_version(
    ingest: Ingest, dataset: Dataset, content: list[bytes]
) -> None:
    job = ingest(content)
    assert (job.state, job.error_code) == ("failed", "no_samples")
    assert "no samples" in job.error
    assert not Version.objects.exists()
    assert dataset.latest is None


def test_a_file_of_rejects_alone_says_the_first_reason_and_keeps_them(
    ingest: Ingest, as_alice: APIClient, dataset: Dataset
) -> None:
    job = ingest([b"nope", b"[]"])
    assert (job.state, job.error_code) == ("failed", "no_samples")
    assert "Line 1" in job.error
    page = as_alice.get(f"/api/v1/jobs/{job.pk}/rejects/").json()
    assert [each["line"] for each in page["results"]] == [1, 2]
    assert not Version.objects.exists()
    assert not Shard.objects.exists()


def test_a_cut_off_archive_fails_with_what_to_do(
    ingest: Ingest, dataset: Dataset, alice: User, tmp_path: Path
) -> None:
    path = tmp_path / "cut.jsonl.gz"
    content = gzip.compress(b"".join(b'{"n": %d, "text": "%1000d"}\n' % (n, n) for n in range(20_000)), 1)
    path.write_bytes(content[:-100])
    job = services.start_ingest(dataset, user=alice, sources=[path])
    runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "truncated_archive")
    assert not Version.objects.exists()


def test_an_archive_that_is_none_is_refused_at_once(as_alice: APIClient, dataset: Dataset) -> None:
    answer = as_alice.post(
        f"{dataset.url}versions/", {"file": SimpleUploadedFile("a.jsonl.zst", b"no archive")}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "corrupt_archive")
    assert not Job.objects.exists()
    assert not Upload.objects.exists()


def test_a_cancelled_ingest_leaves_nothing_visible(
    ingest: Ingest, dataset: Dataset, alice: User, tmp_path: Path
) -> None:
    path = write(tmp_path / "many.jsonl", ({"n": n, "text": "x" * 500} for n in range(40_000)))
    job = services.start_ingest(dataset, user=alice, sources=[path])
    jobs.cancel(job)
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert not Version.objects.exists()


def test_the_upload_is_removed_when_it_has_become_a_version(
    as_alice: APIClient, dataset: Dataset, folders: Path
) -> None:
    content = b"".join(json.dumps(each).encode() + b"\n" for each in SAMPLES)
    body = {"file": SimpleUploadedFile("gesetze.jsonl", content), "mode": "append", "note": "per curl"}
    answer = as_alice.post(f"{dataset.url}versions/", body)
    assert answer.status_code == 202, answer.content
    job = answer.json()["job"]
    assert answer.headers["Location"] == job["url"]
    runner.run(job["id"])
    version = Version.objects.get()
    assert (version.num_samples, version.note, version.source_name) == (4, "per curl", "gesetze.jsonl")
    assert not Upload.objects.exists()
    assert list((folders / "uploads").iterdir()) == []


def test_a_failed_ingest_keeps_the_upload_for_a_retry(as_alice: APIClient, dataset: Dataset) -> None:
    answer = as_alice.post(f"{dataset.url}versions/", {"file": SimpleUploadedFile("a.jsonl", b"nope\n")})
    job = Job.objects.get(pk=answer.json()["job"]["id"])
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.state == "failed"
    again = jobs.retry(job)
    runner.run(again.pk)
    again.refresh_from_db()
    assert again.error_code == "no_samples"


def test_a_dataset_deleted_meanwhile_fails_the_job(
    ingest: Ingest, dataset: Dataset, alice: User, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.jsonl", SAMPLES)
    job = services.start_ingest(dataset, user=alice, sources=[path])
    Dataset.objects.all().delete()
    runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "The dataset was deleted.")


def test_a_full_disk_is_refused_before_anything_is_queued(
    dataset: Dataset, alice: User, tmp_path: Path, settings: LazySettings
) -> None:
    settings.THEMIS = dataclasses.replace(settings.THEMIS, min_free_bytes=1 << 60)
    with pytest.raises(TooLargeError) as refused:
        services.start_ingest(dataset, user=alice, sources=[write(tmp_path / "a.jsonl", SAMPLES)])
    assert refused.value.fields["reserved_bytes"] == 1 << 60
    assert not Job.objects.exists()


@pytest.mark.parametrize("name", ["a.xlsx", "a.txt", "a", "a.jsonl.bz2"])
def test_an_unknown_suffix_is_refused_before_anything_is_queued(
    as_alice: APIClient, dataset: Dataset, name: str
) -> None:
    answer = as_alice.post(f"{dataset.url}versions/", {"file": SimpleUploadedFile(name, b"{}\n")})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_suffix")
    assert not Job.objects.exists()
    assert not Upload.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "file"),
        ({"upload": "x"}, 400, "upload"),
        ({"upload": "00000000-0000-0000-0000-000000000000"}, 404, "upload"),
        ({"path": "/etc/passwd"}, 422, "path"),
        ({"path": "incoming/../../../etc/passwd"}, 422, "path"),
        ({"uri": "s3://bucket/key.jsonl"}, 422, "uri"),
        ({"path": "/x.jsonl", "mode": "apend"}, 400, "mode"),
        ({"path": "/x.jsonl", "uri": "s3://x"}, 400, "file"),
        ({"path": "/x.jsonl", "moed": "append"}, 400, "moed"),
    ],
)
def test_a_bad_request_starts_nothing(
    as_alice: APIClient, dataset: Dataset, body: object, status: int, field: str
) -> None:
    answer = as_alice.post(f"{dataset.url}versions/", body, format="json")
    assert answer.status_code == status, answer.content
    assert field in answer.json()["fields"], answer.json()
    assert not Job.objects.exists()


def test_an_idempotency_key_starts_one_job_however_often_it_is_sent(
    as_alice: APIClient, as_bob: APIClient, dataset: Dataset, tmp_path: Path
) -> None:
    path = write(tmp_path / "incoming" / "a.jsonl", SAMPLES)
    url, body = f"{dataset.url}versions/", {"path": str(path)}
    first = as_alice.post(url, body, format="json", headers={"Idempotency-Key": "k1"})
    again = as_alice.post(url, body, format="json", headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()["job"]["id"]) == (202, first.json()["job"]["id"])
    other = as_alice.post(url, {**body, "note": "x"}, format="json", headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_used")
    assert as_alice.post(url, body, format="json", headers={"Idempotency-Key": "k2"}).status_code == 202
    assert Job.objects.filter(kind="ingest").count() == 2
    assert as_bob.post(url, body, format="json", headers={"Idempotency-Key": "k1"}).status_code == 404


@pytest.mark.parametrize("name", ["a.json", "a.csv", "a.csv.gz", "a.parquet", "a.parquet.zst"])
def test_arrays_tables_and_columns_become_the_same_samples(
    dataset: Dataset, alice: User, tmp_path: Path, name: str
) -> None:
    rows = [{"id": 1, "law": "BDSG", "rate": 1.5}, {"id": 2, "law": 'TA "Lärm"', "rate": -2.0}]
    plain = {
        "json": lambda: json.dumps(rows, indent=1).encode(),
        "csv": lambda: 'id,law,rate\n1,BDSG,1.5\n2,"TA ""Lärm""",-2.0\n'.encode(),
        "parquet": lambda: parquet(rows),
    }[name.split(".")[1]]()
    codec = {"gz": "gzip", "zst": "zstd"}.get(name.rsplit(".", 1)[1])
    path = tmp_path / name
    path.write_bytes(pa.compress(plain, codec=codec, asbytes=True) if codec else plain)
    job = services.start_ingest(dataset, user=alice, sources=[path])
    runner.run(job.pk)
    dataset.refresh_from_db()
    assert dataset.latest is not None
    assert lines(dataset.latest) == rows
    assert {field["name"]: field["types"] for field in dataset.latest.fields} == {
        "id": ["integer"], "law": ["string"], "rate": ["number"],
    }  # fmt: skip


def parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue())


def test_what_unpacks_to_too_much_is_refused_before_it_fills_the_disk(
    as_alice: APIClient, dataset: Dataset, settings: LazySettings, tmp_path: Path
) -> None:
    settings.THEMIS = dataclasses.replace(settings.THEMIS, max_unpacked_bytes=100_000)
    packed = tmp_path / "bomb.jsonl.gz"
    packed.write_bytes(gzip.compress(b'{"a":0}\n' * 100_000))
    with packed.open("rb") as file:
        answer = as_alice.post(f"{dataset.url}versions/", {"file": file})
    assert (answer.status_code, answer.json()["code"]) == (413, "unpacked_too_large")
    assert answer.json()["fields"]["limit"] == "max_unpacked_bytes"
    assert not Job.objects.exists()
    assert not list((Path(settings.THEMIS.uploads_dir)).iterdir())
