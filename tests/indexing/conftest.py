"""Fixtures for tests of indexes: Alice's dataset, and a tokenizer that was trained on the spot."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import dataset, folders, ingest, version
from tests.tokenizers import byte_level

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
