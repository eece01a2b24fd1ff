"""Fixtures for tests of indexes: Alice's dataset, and a tokenizer that was trained on the spot."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import dataset, folders, ingest, version
from tests.tokenizers import byte_level
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset
from themis_admin.datasets.themes import services
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job

__all__ = ["dataset", "folders", "ingest", "version"]

Upload = Callable[..., Any]


@pytest.fixture
def upload(as_alice: APIClient) -> Upload:
    """POST a tokenizer.json as Alice, or as another client."""

    def post(
        data: bytes | None = None, *, filename: str = "gpt.json", client: APIClient = as_alice, **fields: Any
    ) -> Any:
        content = byte_level().library.to_str().encode() if data is None else data
        body = {"file": SimpleUploadedFile(filename, content), **fields}
        return client.post("/api/v1/tokenizers/", body, format="multipart")

    return post


def built(client: APIClient, **body: Any) -> tuple[dict[str, Any], Job]:
    """The index that a body asks for, once its job has ended, and the job."""
    answer = client.post("/api/v1/indexes/", {"kind": "offsets", **body}, format="json")
    assert answer.status_code == 202, answer.json()
    job = Job.objects.get(pk=answer.json()["job"]["id"])
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return client.get(answer.json()["index"]["url"]).json(), job


@pytest.fixture
def tokenizer(upload: Upload) -> int:
    """Alice's tokenizer."""
    return int(upload().json()["id"])


def asked(client: APIClient, **body: Any) -> Any:
    return client.post("/api/v1/indexes/", {"kind": "tokens", "text_field": "text", **body}, format="json")


def theme_of(dataset: Dataset, alice: User, below: int) -> Any:
    where = {"field": "n", "op": "lt", "value": below}
    return services.create_theme(dataset, user=alice, name=f"unter {below}", where=where)


def numbers(client: APIClient, index: dict[str, Any], ids: str) -> list[int]:
    found = client.get(f"{index['url']}samples/", {"ids": ids}).json()
    return [each["sample"]["n"] for each in found["results"]]
