"""Offset indexes over REST: downloaded, refused where a body names nothing, and nobody else's."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.indexing.conftest import built
from tests.indexing.indexes.conftest import downloaded
from themis_admin.datasets.models import Version

pytestmark = pytest.mark.django_db


def test_a_broken_download_goes_on(as_alice: APIClient, version: Version) -> None:
    index, _ = built(as_alice, version=version.pk)
    whole = downloaded(as_alice, index)
    etag = as_alice.head(f"{index['url']}download/")["ETag"]
    part = as_alice.get(f"{index['url']}download/", HTTP_RANGE="bytes=700-2000", HTTP_IF_RANGE=etag)
    assert part.status_code == 206
    assert b"".join(part) == whole[700:2001]


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
