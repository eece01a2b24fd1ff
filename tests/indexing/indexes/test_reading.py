"""Samples by number, from either end and in batches, until the index is removed."""

import hashlib
import weakref
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from indexing.indexes import reading
from indexing.models import Index
from tests.indexing.conftest import built, numbers
from tests.themis_admin.datasets.conftest import SAMPLES
from themis_admin.accounts.models import User
from themis_admin.artifacts import services as artifacts
from themis_admin.artifacts.models import ArtifactRef
from themis_admin.datasets.models import Version
from themisdb_datasets.errors import NotFoundError
from themisdb_datasets.offsets import OffsetIndex

pytestmark = pytest.mark.django_db


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


def test_an_index_that_is_not_built_yet_says_so(as_alice: APIClient, version: Version) -> None:
    answer = as_alice.post("/api/v1/indexes/", {"kind": "offsets", "version": version.pk}, format="json")
    url = answer.json()["index"]["url"]
    for path in ("samples/0", "download/"):
        found = as_alice.get(f"{url}{path}")
        assert (found.status_code, found.json()["code"]) == (409, "index_unfinished")
    assert as_alice.delete(url).status_code == 409


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
