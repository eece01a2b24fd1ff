"""A tokenizer may go; what was made with it stays."""

import pytest
from rest_framework.test import APIClient

from tests.indexing.conftest import Upload, asked
from themis_admin.artifacts.models import ArtifactRef
from themis_admin.datasets.models import Version
from themis_admin.jobs import runner

pytestmark = pytest.mark.django_db


def test_it_outlives_its_tokenizer_and_is_seen_by_its_owner_only(
    as_alice: APIClient, as_bob: APIClient, version: Version, tokenizer: int, upload: Upload
) -> None:
    answer = asked(as_alice, version=version.pk, tokenizer=tokenizer, sample_size=8).json()
    assert as_alice.delete(f"/api/v1/tokenizers/{tokenizer}/").status_code == 204
    runner.run(answer["job"]["id"])
    url = answer["index"]["url"]
    assert as_alice.get(url).json()["state"] == "succeeded"
    for path in ("", "samples/0", "blocks/", "download/"):
        assert as_alice.get(f"{url}{path}").status_code == 200
        assert as_bob.get(f"{url}{path}").status_code == 404
    theirs = upload(client=as_bob).json()["id"]
    assert asked(as_alice, version=version.pk, tokenizer=theirs, sample_size=8).status_code == 404
    assert as_alice.delete(url).status_code == 204
    assert not ArtifactRef.objects.filter(keeper__startswith="indexes/").exists()
