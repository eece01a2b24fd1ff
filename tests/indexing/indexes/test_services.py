"""What cannot be indexed is refused before a job is queued."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from indexing.models import Index
from tests.indexing.conftest import Upload, asked
from tests.indexing.indexes.conftest import built_tokens
from tests.tokenizers import with_vocabulary
from themis_admin.datasets.models import Version

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"tokenizer": None}, 400, "tokenizer"),
        ({"tokenizer": 10**6}, 404, "tokenizer"),
        ({"sample_size": 0}, 400, "sample_size"),
        ({"sample_size": 1 << 40}, 400, "sample_size"),
        ({"sample_size": 8, "eos_token": "<|endoftex|>"}, 400, "eos_token"),
        ({"text_field": "txt"}, 422, "text_field"),
        ({"text_field": "{text"}, 400, "text_field"),
        ({"text_field": ""}, 400, "text_field"),
        ({"dtype": "uint8"}, 400, "dtype"),
        ({"artifact": 1, "version": None}, 400, "version"),
        ({"kind": "offsets"}, 400, "tokenizer"),
    ],
)
def test_what_cannot_be_is_refused_before_a_job_is_queued(
    as_alice: APIClient, version: Version, tokenizer: int, body: dict[str, Any], status: int, field: str
) -> None:
    answer = asked(as_alice, **{"version": version.pk, "tokenizer": tokenizer, **body})
    assert answer.status_code == status, answer.json()
    assert field in answer.json()["fields"], answer.json()
    assert not Index.objects.exists()


def test_a_vocabulary_that_does_not_fit_is_refused(
    as_alice: APIClient, version: Version, upload: Upload
) -> None:
    large = upload(with_vocabulary(70_000).library.to_str().encode()).json()["id"]
    answer = asked(as_alice, version=version.pk, tokenizer=large, sample_size=8, dtype="uint16")
    assert answer.status_code == 422 and answer.json()["code"] == "dtype_too_small"
    assert built_tokens(as_alice, version=version.pk, tokenizer=large, sample_size=8)["dtype"] == "uint32"
