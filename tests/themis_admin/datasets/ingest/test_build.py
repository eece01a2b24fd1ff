"""Ingest from the file to the published version, with the real runner."""

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import LazySettings
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES, Ingest, lines, write
from themis_admin.accounts.models import User
from themis_admin.datasets.ingest import services
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import runner
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import Event, Job

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_many_small_shards_read_as_one_version(
    ingest: Ingest, dataset: Dataset, settings: LazySettings
) -> None:
    settings.THEMIS = dataclasses.replace(settings.THEMIS, shard_bytes=2000)
    samples = [{"n": n, "text": "x" * 100} for n in range(500)]
    ingest(samples)
    assert dataset.latest is not None
    assert dataset.latest.version_shards.count() > 10
    assert lines(dataset.latest) == samples


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
