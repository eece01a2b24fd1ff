"""Tokenizers over REST: uploaded, tried, listed, seen by their owner only."""

import hashlib

import pytest
from rest_framework.test import APIClient

from indexing.models import Tokenizer
from indexing.tokenizers import services as tokenizers
from tests.indexing.conftest import Upload
from tests.tokenizers import EOS, byte_level, with_vocabulary
from themis_admin.accounts.models import AuditEntry
from themis_admin.artifacts.models import ArtifactRef

pytestmark = pytest.mark.django_db


def test_an_upload_is_kept_with_what_it_says_of_itself(as_alice: APIClient, upload: Upload) -> None:
    data = byte_level().library.to_str().encode()
    response = upload(data)
    assert response.status_code == 201, response.json()
    made = response.json()
    assert made["name"] == "gpt" and made["model"] == "BPE" and made["dtype"] == "uint16"
    assert made["sha256"] == hashlib.sha256(data).hexdigest() and made["num_bytes"] == len(data)
    assert made["vocabulary_size"] == byte_level().vocabulary_size
    assert made["eos_token"] == EOS and made["added_tokens"] == [EOS]
    assert as_alice.get(made["url"]).json() == made
    assert as_alice.get("/api/v1/tokenizers/?name=gp").json()["results"] == [made]
    assert tokenizers.load(made["sha256"]).vocabulary_size == made["vocabulary_size"]
    assert AuditEntry.objects.filter(action="tokenizer.created", object=made["url"]).exists()


def test_a_large_vocabulary_says_uint32(upload: Upload) -> None:
    assert upload(with_vocabulary(70_000).library.to_str().encode()).json()["dtype"] == "uint32"


@pytest.mark.parametrize("data", [b"", b"{}", b"not json", b'{"model": {"type": "BPE"}}', b"\x00" * 100])
def test_what_does_not_load_is_refused(upload: Upload, data: bytes) -> None:
    response = upload(data)
    assert response.status_code == 400 and "file" in response.json()["fields"], response.json()
    assert not Tokenizer.objects.exists() and not ArtifactRef.objects.exists()


def test_one_that_is_too_large_is_refused(
    upload: Upload, monkeypatch: pytest.MonkeyPatch, as_alice: APIClient
) -> None:
    monkeypatch.setattr(tokenizers, "MAX_BYTES", 1_000)
    response = upload()
    assert response.status_code == 413 and "file" in response.json()["fields"]


def test_a_body_without_a_file_or_with_a_bad_name_is_refused(as_alice: APIClient, upload: Upload) -> None:
    assert as_alice.post("/api/v1/tokenizers/", {"name": "x"}, format="multipart").status_code == 400
    assert as_alice.post("/api/v1/tokenizers/", {"name": "x"}, format="json").status_code == 415
    for fields in ({"name": "x" * 300}, {"name": "a\nb"}, {"nam": "x"}):
        response = upload(**fields)
        assert response.status_code == 400 and set(response.json()["fields"]) == set(fields)


def test_others_do_not_see_it(
    as_alice: APIClient, as_bob: APIClient, as_charlie: APIClient, upload: Upload
) -> None:
    url = upload().json()["url"]
    assert as_bob.get(url).status_code == as_bob.delete(url).status_code == 404
    assert as_bob.get("/api/v1/tokenizers/").json()["results"] == []
    assert as_charlie.get(url).status_code == 200
