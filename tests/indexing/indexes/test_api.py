"""Offset indexes over REST: of versions, themes and files; samples by number; the folder that data-forager opens."""

import hashlib
import io
import json
import tarfile
import weakref
from pathlib import Path
from typing import Any

import pytest
from data_forager.datasets.jsonl import JsonlDataset
from rest_framework.test import APIClient

from indexing.indexes import reading
from indexing.models import Index
from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from tests.themis_admin.datasets.ingest.test_modes import sample
from themis_admin.accounts.models import User
from themis_admin.artifacts import services as artifacts
from themis_admin.artifacts.models import ArtifactRef
from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.themes import services
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job
from themisdb_datasets.errors import NotFoundError
from themisdb_datasets.offsets import OffsetIndex

pytestmark = pytest.mark.django_db


def built(client: APIClient, **body: Any) -> tuple[dict[str, Any], Job]:
    """The index that a body asks for, once its job has ended, and the job."""
    answer = client.post("/api/v1/indexes/", {"kind": "offsets", **body}, format="json")
    assert answer.status_code == 202, answer.json()
    job = Job.objects.get(pk=answer.json()["job"]["id"])
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return client.get(answer.json()["index"]["url"]).json(), job


def theme_of(dataset: Dataset, alice: User, below: int) -> Any:
    where = {"field": "n", "op": "lt", "value": below}
    return services.create_theme(dataset, user=alice, name=f"unter {below}", where=where)


def numbers(client: APIClient, index: dict[str, Any], ids: str) -> list[int]:
    found = client.get(f"{index['url']}samples/", {"ids": ids}).json()
    return [each["sample"]["n"] for each in found["results"]]


def downloaded(client: APIClient, index: dict[str, Any]) -> bytes:
    answer = client.get(f"{index['url']}download/")
    assert answer.status_code == 200
    data = b"".join(answer)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (index["num_bytes"], index["sha256"])
    return data


def test_samples_are_read_by_number_from_either_end_and_in_batches(
    as_alice: APIClient, version: Version
) -> None:
    index, _ = built(as_alice, version=version.pk)
    assert (index["num_samples"], index["state"], index["stale"]) == (4, "succeeded", [])
    url = index["url"]
    assert as_alice.get(f"{url}samples/2").json() == {"number": 2, "sample": SAMPLES[2]}
    assert as_alice.get(f"{url}samples/-1/").json() == {"number": 3, "sample": SAMPLES[3]}
    found = as_alice.get(f"{url}samples/", {"ids": "3, 0,-1,1:3,::-2"}).json()
    assert [each["number"] for each in found["results"]] == [3, 0, 3, 1, 2, 3, 1]
    assert [each["sample"] for each in found["results"]][:2] == [SAMPLES[3], SAMPLES[0]]


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("samples/4", 404, "n"),
        ("samples/-5", 404, "n"),
        ("samples/" + "9" * 30, 404, "n"),
        ("samples/x", 400, "n"),
        ("samples/?ids=", 400, "ids"),
        ("samples/?ids=1,b", 400, "ids"),
        ("samples/?ids=1:3:0", 400, "ids"),
        ("samples/?ids=99", 404, "ids"),
        ("samples/?id=1", 400, "id"),
        ("samples/?ids=" + "0," * 1000 + "0", 400, "ids"),
    ],
)
def test_numbers_that_lead_nowhere_are_refused_by_name(
    as_alice: APIClient, version: Version, path: str, status: int, field: str
) -> None:
    index, _ = built(as_alice, version=version.pk)
    answer = as_alice.get(f"{index['url']}{path}")
    assert answer.status_code == status
    assert field in answer.json()["fields"]


def test_data_forager_opens_the_folder_of_a_theme(
    as_alice: APIClient, alice: User, ingest: Ingest, dataset: Dataset, tmp_path: Path
) -> None:
    ingest([sample(n) for n in range(30)])
    ingest([sample(n, "neu") for n in range(5, 40)], mode="upsert")
    assert dataset.latest is not None
    theme = theme_of(dataset, alice, 10)
    index, _ = built(as_alice, version=dataset.latest.pk, theme=theme.pk)
    with tarfile.open(fileobj=io.BytesIO(downloaded(as_alice, index))) as tar:
        tar.extractall(tmp_path / "out", filter="data")
    read = JsonlDataset.create_from_index_on_filesystem(str(tmp_path / "out"))
    assert [read[n]["n"] for n in range(len(read))] == list(range(10))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    for name, known in manifest["files"].items():
        data = (tmp_path / "out" / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (known["num_bytes"], known["sha256"]), name


def test_a_broken_download_goes_on(as_alice: APIClient, version: Version) -> None:
    index, _ = built(as_alice, version=version.pk)
    whole = downloaded(as_alice, index)
    etag = as_alice.head(f"{index['url']}download/")["ETag"]
    part = as_alice.get(f"{index['url']}download/", HTTP_RANGE="bytes=700-2000", HTTP_IF_RANGE=etag)
    assert part.status_code == 206
    assert b"".join(part) == whole[700:2001]


def test_an_index_tells_when_it_is_stale_and_goes_on_leading_to_its_samples(
    as_alice: APIClient, alice: User, ingest: Ingest, dataset: Dataset
) -> None:
    ingest([sample(n) for n in range(20)])
    assert dataset.latest is not None
    theme = theme_of(dataset, alice, 5)
    index, _ = built(as_alice, version=dataset.latest.pk, theme=theme.pk)
    ingest([sample(n) for n in range(2)], mode="replace")
    services.update_theme(theme, user=alice, where={"field": "n", "op": "lt", "value": 7})
    stale = as_alice.get(index["url"]).json()["stale"]
    assert ["latest" in stale[0], "filter" in stale[1]] == [True, True]
    assert numbers(as_alice, index, "0:9") == [0, 1, 2, 3, 4]


def test_an_index_of_an_appended_version_takes_over_what_the_one_before_knew(
    as_alice: APIClient, alice: User, ingest: Ingest, dataset: Dataset
) -> None:
    ingest([sample(n) for n in range(20)])
    theme = theme_of(dataset, alice, 12)
    for filtered in (None, theme.pk):
        _, first = built(as_alice, version=dataset.versions.get(number=1).pk, theme=filtered)
        assert first.result["num_reused"] == 0
    ingest([sample(n) for n in (7, 50, 8)])
    latest = dataset.versions.get(number=2).pk
    _, job = built(as_alice, version=latest)
    assert job.result["num_reused"] == 20
    index, job = built(as_alice, version=latest, theme=theme.pk)
    assert (job.result["num_reused"], index["num_samples"]) == (12, 14)
    assert numbers(as_alice, index, ":") == [*range(12), 7, 8]


def test_an_index_protects_its_version_and_lets_go_of_its_files(
    as_alice: APIClient, dataset: Dataset, version: Version
) -> None:
    index, _ = built(as_alice, version=version.pk)
    refused = as_alice.delete(dataset.url)
    assert (refused.status_code, refused.json()["code"]) == (409, "still_used")
    assert as_alice.delete(index["url"]).status_code == 204
    assert not ArtifactRef.objects.exists()
    assert not Index.objects.exists()


def test_lines_of_a_published_file_are_read_by_number_too(
    as_alice: APIClient, alice: User, tmp_path: Path
) -> None:
    data = b'{"n": 5}\n{"n": 6}\n'
    (tmp_path / "export.jsonl").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    artifacts.publish(tmp_path / "export.jsonl", digest=digest)
    artifact = artifacts.keep(
        digest=digest,
        num_bytes=len(data),
        content_type="application/x-ndjson",
        name="export.jsonl",
        keeper="exports/1",
        owner=alice,
    )
    index, _ = built(as_alice, artifact=artifact.pk)
    assert numbers(as_alice, index, "1,0") == [6, 5]
    artifacts.release("exports/1")
    assert ArtifactRef.objects.filter(artifact=artifact).exists(), "the index keeps the file"


def test_what_somebody_else_has_is_not_there(
    as_alice: APIClient, as_bob: APIClient, version: Version
) -> None:
    index, _ = built(as_alice, version=version.pk)
    for path in ("", "samples/0", "samples/?ids=0", "download/"):
        assert as_bob.get(f"{index['url']}{path}").status_code == 404
    assert as_bob.get("/api/v1/indexes/").json()["results"] == []
    answer = as_bob.post("/api/v1/indexes/", {"kind": "offsets", "version": version.pk}, format="json")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"kind": "offsets"}, 400, "version"),
        ({"kind": "ofsets", "version": 1}, 400, "kind"),
        ({"kind": "offsets", "version": 1, "artifact": 1}, 400, "version"),
        ({"kind": "offsets", "artifact": 1, "theme": 1}, 400, "theme"),
        ({"kind": "offsets", "version": 999999}, 404, "version"),
        ({"kind": "offsets", "artifact": 999999}, 404, "artifact"),
        ({"kind": "offsets", "versoin": 1}, 400, "versoin"),
    ],
)
def test_bodies_that_name_nothing_are_refused(
    as_alice: APIClient, version: Version, body: dict[str, Any], status: int, field: str
) -> None:
    answer = as_alice.post("/api/v1/indexes/", body, format="json")
    assert answer.status_code == status, answer.json()
    assert field in answer.json()["fields"]


def test_an_index_that_is_not_built_yet_says_so(as_alice: APIClient, version: Version) -> None:
    answer = as_alice.post("/api/v1/indexes/", {"kind": "offsets", "version": version.pk}, format="json")
    url = answer.json()["index"]["url"]
    for path in ("samples/0", "download/"):
        found = as_alice.get(f"{url}{path}")
        assert (found.status_code, found.json()["code"]) == (409, "index_unfinished")
    assert as_alice.delete(url).status_code == 409


def test_indexes_over_different_samples_of_the_same_sizes_are_not_taken_for_each_other(
    as_alice: APIClient, ingest: Ingest, dataset: Dataset
) -> None:
    found = []
    for first in (10, 20):
        ingest([sample(first), sample(first + 1)], mode="replace")
        assert dataset.latest is not None
        index, _ = built(as_alice, version=dataset.latest.pk)
        found.append(numbers(as_alice, index, "0,1"))
    assert found == [[10, 11], [20, 21]]


def test_an_index_that_was_removed_is_closed(as_alice: APIClient, alice: User, version: Version) -> None:
    index, _ = built(as_alice, version=version.pk)
    assert as_alice.get(f"{index['url']}samples/0").status_code == 200
    places = reading.kept_paths(Index.objects.get())["locations.bin"]
    kept: reading.OpenIndexes[OffsetIndex] = reading.OpenIndexes()
    gone = kept.get(places, make=lambda: OffsetIndex(places, []))
    assert kept.get(places, make=lambda: OffsetIndex(places, [])) is gone
    closed = weakref.ref(gone)
    del gone
    places.unlink()
    with pytest.raises(NotFoundError):
        kept.get(places, make=lambda: OffsetIndex(places, []))
    assert closed() is None
