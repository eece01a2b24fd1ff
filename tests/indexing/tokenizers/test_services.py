"""A tokenizer's file goes with the last that keeps it."""

import pytest
from rest_framework.test import APIClient

from indexing.tokenizers import services as tokenizers
from tests.indexing.conftest import Upload
from themis_admin.artifacts.models import ArtifactRef
from themisdb_datasets.errors import GoneError

pytestmark = pytest.mark.django_db


def test_a_name_is_taken_once_for_each_user(as_bob: APIClient, upload: Upload) -> None:
    assert upload(name="Groß").status_code == 201
    assert upload(name="GROSS").status_code == 409
    assert upload(name="Groß", client=as_bob).status_code == 201


def test_its_file_goes_with_the_last_that_keeps_it(
    as_alice: APIClient, as_bob: APIClient, upload: Upload
) -> None:
    first, second = upload().json(), upload(client=as_bob).json()
    assert as_alice.delete(first["url"]).status_code == 204
    assert as_alice.get(first["url"]).status_code == 404
    assert ArtifactRef.objects.filter(artifact__digest=first["sha256"]).count() == 1
    assert as_bob.delete(second["url"]).status_code == 204
    assert not ArtifactRef.objects.exists()


def test_one_whose_file_is_gone_says_so() -> None:
    with pytest.raises(GoneError):
        tokenizers.load("0" * 64)
