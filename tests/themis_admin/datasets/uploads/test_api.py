"""REST: resumable uploads, broken off and gone on with."""

import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES
from tests.themis_admin.datasets.uploads.conftest import CONTENT, URL, send, start
from themis_admin.datasets.models import Dataset, Upload, Version
from themis_admin.datasets.uploads import services as uploads
from themis_admin.jobs import runner
from themisdb_datasets.errors import MalformedError

pytestmark = pytest.mark.django_db(transaction=True)


def test_parts_become_a_version(as_alice: APIClient, dataset: Dataset) -> None:
    upload = start(as_alice)
    for offset in range(0, len(CONTENT), 100):
        answer = send(as_alice, upload["url"], offset, CONTENT[offset : offset + 100])
        assert answer.status_code == 200, answer.content
        assert answer.headers["Upload-Offset"] == str(min(offset + 100, len(CONTENT)))
    assert answer.json()["state"] == "complete"
    job = as_alice.post(f"{dataset.url}versions/", {"upload": upload["id"]}, format="json").json()["job"]
    runner.run(job["id"])
    opened = Version.objects.get().open()
    assert [json.loads(opened.line(n)) for n in range(opened.num_samples)] == SAMPLES


def test_head_tells_where_to_go_on_after_a_broken_part(as_alice: APIClient) -> None:
    upload = start(as_alice)
    send(as_alice, upload["url"], 0, CONTENT[:50])
    with pytest.raises(MalformedError):
        uploads.append_part(Upload.objects.get(), offset=50, part=io.BytesIO(CONTENT[50:60]), announced=100)
    found = as_alice.head(upload["url"])
    assert (found.status_code, found.headers["Upload-Offset"]) == (200, "50")
    assert found.headers["Upload-Length"] == str(len(CONTENT))
    assert send(as_alice, upload["url"], 50, CONTENT[50:]).json()["state"] == "complete"
    assert Upload.objects.get().path.read_bytes() == CONTENT


@pytest.mark.parametrize("offset", [0, 49, 51, len(CONTENT), 10**17])
def test_a_part_at_another_offset_is_refused_with_the_right_one(as_alice: APIClient, offset: int) -> None:
    upload = start(as_alice)
    send(as_alice, upload["url"], 0, CONTENT[:50])
    answer = send(as_alice, upload["url"], offset, b"x")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_offset")
    assert answer.json()["fields"] == {"received": 50}


@pytest.mark.parametrize("offset", ["", "-1", "x", "1.5", "9" * 40])
def test_an_offset_that_is_no_number_is_refused(as_alice: APIClient, offset: str) -> None:
    assert send(as_alice, start(as_alice)["url"], offset, b"x").status_code == 400


def test_more_than_was_announced_is_refused_and_leaves_the_upload_as_it_was(as_alice: APIClient) -> None:
    upload = start(as_alice, num_bytes=10)
    assert send(as_alice, upload["url"], 0, b"x" * 11).status_code == 400
    assert as_alice.get(upload["url"]).json()["received"] == 0
    assert send(as_alice, upload["url"], 0, b"y" * 10).json()["state"] == "complete"
    assert Upload.objects.get().path.read_bytes() == b"y" * 10


def test_a_part_over_16_mb_is_refused(as_alice: APIClient) -> None:
    upload = start(as_alice, num_bytes=40_000_000)
    assert send(as_alice, upload["url"], 0, b"x" * (16 * 1024 * 1024 + 1)).status_code == 413
    assert send(as_alice, upload["url"], 0, b"x" * 16_000_000).status_code == 200


def test_an_empty_file_is_told_by_its_name(as_alice: APIClient, dataset: Dataset) -> None:
    opened = as_alice.post("/api/v1/uploads/", {"filename": "a.jsonl", "num_bytes": 0}, format="json")
    sent = as_alice.post(f"{dataset.url}versions/", {"file": SimpleUploadedFile("a.jsonl", b"")})
    for answer in (opened, sent):
        assert (answer.status_code, answer.json()["error"]) == (400, "a.jsonl is empty.")


def test_an_empty_part_and_a_part_too_many_are_refused(as_alice: APIClient) -> None:
    upload = start(as_alice)
    assert send(as_alice, upload["url"], 0, b"").status_code == 400
    send(as_alice, upload["url"], 0, CONTENT)
    assert send(as_alice, upload["url"], len(CONTENT), b"x").status_code == 409


def test_an_unfinished_upload_cannot_be_ingested(as_alice: APIClient, dataset: Dataset) -> None:
    upload = start(as_alice)
    answer = as_alice.post(f"{dataset.url}versions/", {"upload": upload["id"]}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_incomplete")


def test_nobody_else_sees_or_uses_it(as_alice: APIClient, as_bob: APIClient, dataset: Dataset) -> None:
    upload = start(as_alice)
    assert as_bob.get(upload["url"]).status_code == 404
    assert as_bob.head(upload["url"]).status_code == 404
    assert send(as_bob, upload["url"], 0, CONTENT).status_code == 404
    assert as_bob.delete(upload["url"]).status_code == 404
    send(as_alice, upload["url"], 0, CONTENT)
    bobs = as_bob.post("/api/v1/datasets/", {"name": "Bobs"}, format="json").json()
    answer = as_bob.post(f"{bobs['url']}versions/", {"upload": upload["id"]}, format="json")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"filename": "a.xlsx", "num_bytes": 1}, 422),
        ({"filename": "a.jsonl", "num_bytes": 0}, 400),
        ({"filename": "a.jsonl", "num_bytes": -1}, 400),
        ({"filename": "a.jsonl", "num_bytes": "many"}, 400),
        ({"filename": "a.jsonl"}, 400),
        ({"filename": "", "num_bytes": 1}, 400),
        ({"filename": "a.jsonl", "num_bytes": 1, "size": 1}, 400),
        ({"filename": "a.jsonl", "num_bytes": 10**18}, 413),
    ],
)
def test_what_cannot_be_uploaded_is_refused_at_once(as_alice: APIClient, body: object, status: int) -> None:
    answer = as_alice.post(URL, body, format="json")
    assert answer.status_code == status, answer.content
    assert not Upload.objects.exists()
