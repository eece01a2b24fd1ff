"""What the tests of indexes share."""

import hashlib
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from indexing.models import Tokenizer
from tests.indexing.conftest import asked
from tests.tokenizers import byte_level
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job


def downloaded(client: APIClient, index: dict[str, Any]) -> bytes:
    answer = client.get(f"{index['url']}download/")
    assert answer.status_code == 200
    data = b"".join(answer)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (index["num_bytes"], index["sha256"])
    return data


def built_tokens(client: APIClient, **body: Any) -> dict[str, Any]:
    """The token index that a body asks for, once its job has ended."""
    answer = asked(client, **body)
    assert answer.status_code == 202, answer.json()
    job = Job.objects.get(pk=answer.json()["job"]["id"])
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    index: dict[str, Any] = client.get(answer.json()["index"]["url"]).json()
    return index


@pytest.fixture
def known_tokenizer(alices: Client) -> Tokenizer:
    file = SimpleUploadedFile("gesetze.json", byte_level().library.to_str().encode())
    assert alices.post("/tokenizers/", {"file": file}).status_code == 302
    return Tokenizer.objects.get()
