"""The modes of an ingest beside appending: upsert by the key, replace, delete by filter; and many files at once."""

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import Ingest, write
from themis_admin.accounts.models import User
from themis_admin.datasets import services as datasets
from themis_admin.datasets.ingest import build as ingesting
from themis_admin.datasets.ingest import services as ingest_services
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import runner
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import Job
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.versions import deletions

pytestmark = pytest.mark.django_db


def sample(n: int, text: str = "wie zuvor") -> dict[str, Any]:
    return {"id": f"s/{n}", "n": n, "text": text}


def told(dataset: Dataset) -> list[tuple[str, str]]:
    """Key and text of all samples of the latest version, in stored order."""
    assert dataset.latest is not None
    opened = dataset.latest.open()
    samples = [json.loads(opened.line(n)) for n in range(opened.num_samples)]
    return [(each["id"], each["text"]) for each in samples]


def counts(job: Job) -> dict[str, int]:
    names = ("num_added", "num_changed", "num_unchanged", "num_superseded")
    return {name.removeprefix("num_"): job.result[name] for name in names}


def store_of(settings: Any) -> ArtifactStore:
    return ArtifactStore(settings.THEMIS.storage)


def test_an_upsert_replaces_what_changed_adds_what_is_new_and_leaves_the_rest(
    ingest: Ingest, dataset: Dataset
) -> None:
    ingest([sample(n) for n in range(10)])
    first = dataset.latest
    job = ingest([sample(3, "neu"), sample(20), sample(5)], mode="upsert")
    assert counts(job) == {"added": 1, "changed": 1, "unchanged": 1, "superseded": 0}
    kept = [(f"s/{n}", "wie zuvor") for n in range(10) if n != 3]
    assert told(dataset) == [*kept, ("s/3", "neu"), ("s/20", "wie zuvor")]
    assert first is not None
    assert first.open().num_samples == 10, "the version before has not changed"
    assert dataset.latest is not None
    assert dataset.latest.mode == "upsert"
    assert dataset.latest.num_samples == 11


def test_of_one_key_the_last_line_stays_also_in_the_first_upsert(ingest: Ingest, dataset: Dataset) -> None:
    job = ingest([sample(1, "a"), sample(2), sample(1, "b"), sample(1, "c")], mode="upsert")
    assert counts(job) == {"added": 2, "changed": 0, "unchanged": 0, "superseded": 2}
    assert told(dataset) == [("s/2", "wie zuvor"), ("s/1", "c")]


def test_an_upsert_replaces_every_sample_that_an_append_gave_the_same_key(
    ingest: Ingest, dataset: Dataset
) -> None:
    ingest([sample(1, "a"), sample(2)])
    ingest([sample(1, "b")])
    job = ingest([sample(1, "b")], mode="upsert")
    assert counts(job)["changed"] == 1
    assert told(dataset) == [("s/2", "wie zuvor"), ("s/1", "b")]


def test_an_upsert_writes_what_changed_and_not_what_was_there(
    ingest: Ingest, dataset: Dataset, settings: Any
) -> None:
    ingest([sample(n) for n in range(1000)])
    job = ingest([sample(n, "neu" if n == 7 else "wie zuvor") for n in range(1000)], mode="upsert")
    assert counts(job) == {"added": 0, "changed": 1, "unchanged": 999, "superseded": 0}
    assert dataset.latest is not None
    first, second = dataset.latest.version_shards.order_by("ordinal").select_related("shard")
    assert (first.shard.num_samples, first.num_deleted, second.shard.num_samples) == (1000, 1, 1)
    collect = Job.objects.get(kind="collect")
    runner.run(collect.pk)
    digests = {first.shard.digest, second.shard.digest}
    assert set(store_of(settings).digests("shards")) == digests, "the file's own shard is freed"
    assert list(store_of(settings).digests(deletions.KIND)) == [first.deletions]


def test_an_upsert_of_what_is_there_makes_no_version(ingest: Ingest, dataset: Dataset) -> None:
    ingest([sample(n) for n in range(5)])
    before = dataset.latest
    job = ingest([sample(2), sample(4)], mode="upsert")
    assert job.state == "succeeded"
    assert before is not None
    assert (job.result["version"], job.result["unchanged"]) == (before.pk, True)
    assert dataset.versions.count() == 1


def test_an_upsert_rejects_samples_without_a_key(ingest: Ingest, dataset: Dataset) -> None:
    bad: list[Any] = [{"n": 1}, {"id": None}, {"id": ["a"]}, {"id": {"a": 1}}, b'{"id": 7, "text": "x"}']
    job = ingest([*bad, sample(1)], mode="upsert")
    assert job.result["num_rejects"] == 4
    assert told(dataset) == [(7, "x"), ("s/1", "wie zuvor")]


def test_equal_numbers_are_one_key_however_they_are_spelled(ingest: Ingest, dataset: Dataset) -> None:
    ingest([b'{"id": 1, "text": "a"}', b'{"id": 2, "text": "b"}'])
    ingest([b'{"id": 1.0, "text": "c"}', b'{"id": 2.5, "text": "d"}'], mode="upsert")
    assert [text for _, text in told(dataset)] == ["b", "c", "d"]


def test_an_upsert_needs_a_key_field(alice: User, tmp_path: Path, as_alice: APIClient) -> None:
    keyless = datasets.create_dataset(user=alice, name="Ohne Schlüssel")
    body = {"path": str(write(tmp_path / "incoming" / "a.jsonl", [sample(1)])), "mode": "upsert"}
    answer = as_alice.post(f"/api/v1/datasets/{keyless.pk}/versions/", body, format="json")
    assert answer.status_code == 422
    assert answer.json()["code"] == "no_key_field"


def delete(as_alice: APIClient, dataset: Dataset, **body: Any) -> Job:
    url = f"/api/v1/datasets/{dataset.pk}/versions/"
    answer = as_alice.post(url, {"mode": "delete", **body}, format="json")
    assert answer.status_code == 202, answer.json()
    job = Job.objects.get(pk=answer.json()["job"]["id"])
    runner.run(job.pk)
    job.refresh_from_db()
    dataset.refresh_from_db()
    return job


def test_a_delete_takes_out_what_a_filter_keeps_and_can_be_repeated(
    ingest: Ingest, dataset: Dataset, as_alice: APIClient
) -> None:
    ingest([sample(n) for n in range(10)])
    ingest([sample(n) for n in range(10, 20)])
    job = delete(as_alice, dataset, where={"field": "n", "op": "lt", "value": 12}, note="zu alt")
    assert (job.state, job.result["num_deleted"]) == ("succeeded", 12)
    assert dataset.latest is not None
    assert (dataset.latest.mode, dataset.latest.note) == ("delete", "zu alt")
    assert dataset.latest.version_shards.count() == 1, "a shard with nothing left is not part of it"
    job = delete(as_alice, dataset, where={"field": "n", "op": "eq", "value": 15})
    assert job.result["num_deleted"] == 1
    assert [key for key, _ in told(dataset)] == [f"s/{n}" for n in (12, 13, 14, 16, 17, 18, 19)]
    ingest([sample(15)], mode="upsert")
    assert told(dataset)[-1] == ("s/15", "wie zuvor"), "what was deleted can come again"


def test_a_delete_of_nothing_makes_no_version_and_one_of_everything_is_refused(
    ingest: Ingest, dataset: Dataset, as_alice: APIClient
) -> None:
    ingest([sample(n) for n in range(3)])
    job = delete(as_alice, dataset, where={"field": "n", "op": "gt", "value": 100})
    assert (job.state, job.result["num_deleted"], job.result["unchanged"]) == ("succeeded", 0, True)
    job = delete(as_alice, dataset, where={"field": "n", "op": "ge", "value": 0})
    assert (job.state, job.error_code) == ("failed", "nothing_left")
    assert dataset.versions.count() == 1


def several(as_alice: APIClient, dataset: Dataset, tmp_path: Path, files: dict[str, list[Any]]) -> Job:
    paths = [str(write(tmp_path / "incoming" / name, samples)) for name, samples in files.items()]
    url = f"/api/v1/datasets/{dataset.pk}/versions/"
    answer = as_alice.post(url, {"paths": paths}, format="json")
    assert answer.status_code == 202, answer.json()
    job = Job.objects.get(pk=answer.json()["job"]["id"])
    runner.run(job.pk)
    job.refresh_from_db()
    dataset.refresh_from_db()
    return job


def test_many_files_become_one_version_in_their_order(
    dataset: Dataset, as_alice: APIClient, tmp_path: Path
) -> None:
    files: dict[str, list[Any]] = {
        "a.jsonl": [sample(1), b"{"],
        "b.jsonl": [],
        "c.jsonl": [sample(2), sample(3), b"[]"],
    }
    job = several(as_alice, dataset, tmp_path, files)
    assert job.state == "succeeded", job.error
    assert [key for key, _ in told(dataset)] == ["s/1", "s/2", "s/3"]
    version = dataset.latest
    assert isinstance(version, Version)
    assert (version.num_rejects, version.source_name) == (2, "3 files: a.jsonl, b.jsonl, c.jsonl")
    rejects = as_alice.get(f"{version.url}rejects/").json()["results"]
    assert [(each["file"], each["line"]) for each in rejects] == [("a.jsonl", 2), ("c.jsonl", 3)]
    assert Job.objects.filter(kind="ingest-part", state="succeeded").count() == 3


def test_however_many_files_one_question_tells_how_far_they_are(
    alice: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    lanes = [f"job:7:{number}" for number in range(50)]
    for lane in [*lanes[::-1], lanes[3]]:  # a second job of a lane does not count
        jobs.submit("ingest-part", owner=alice, title=lane, params={"lane": lane}, lane=lane)
    with django_assert_num_queries(1):
        looks = ingesting._looks(lanes)
    assert [look.lane for look in looks] == lanes
    assert looks[3].pk == Job.objects.filter(lane=lanes[3]).earliest("pk").pk


def test_of_many_files_one_that_cannot_be_read_fails_them_all(
    dataset: Dataset, alice: User, tmp_path: Path
) -> None:
    paths = [write(tmp_path / f"{name}.jsonl", [sample(1)]) for name in "abc"]
    job = ingest_services.start_ingest(dataset, user=alice, sources=paths)
    paths[1].unlink()
    runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "gone")
    assert "b.jsonl" in job.error
    assert not dataset.versions.exists()
    assert not Job.objects.filter(state__in=("queued", "running"), kind="ingest-part").exists()


def test_cancelling_the_ingest_of_many_files_cancels_their_jobs(
    dataset: Dataset, alice: User, tmp_path: Path
) -> None:
    job = ingest_services.start_ingest(
        dataset, user=alice, sources=[write(tmp_path / f"{name}.jsonl", [sample(1)]) for name in "ab"]
    )
    parts = [
        jobs.submit("ingest-part", owner=alice, title=name, params={}, lane=f"job:{job.pk}:{number}")
        for number, name in enumerate("ab")
    ]
    jobs.cancel(job)
    assert {Job.objects.get(pk=part.pk).state for part in parts} == {"cancelled"}
