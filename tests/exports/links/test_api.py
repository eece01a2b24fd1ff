"""Signed links over REST: made for what can be linked, and opened without a login."""

import base64
import hashlib
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from exports.models import FileExport
from tests.conftest import client_of
from tests.exports.conftest import client_answer, get, path_of
from tests.exports.links.conftest import body
from themis_admin.accounts.models import User

URL = "/api/v1/links/"


def linked(client: APIClient, **body: Any) -> Any:
    """A new link, as it is answered."""
    response = client.post(URL, body, format="json")
    assert response.status_code == 201, response.json()
    return response.json()


def test_a_link_needs_no_login_and_says_what_it_sends(
    as_alice: APIClient, export: FileExport, lines: bytes
) -> None:
    link = linked(as_alice, export=export.pk, note="for the trainer")
    response = get(path_of(link))
    assert (response.status_code, body(response)) == (200, lines)
    digest = hashlib.sha256(lines).digest()
    assert response["Digest"] == f"sha-256={base64.b64encode(digest).decode()}"
    assert response["ETag"] == f'"{digest.hex()}"'
    assert response["Content-Length"] == str(len(lines))
    assert response["Accept-Ranges"] == "bytes"
    assert response["Content-Type"] == "application/x-ndjson"
    assert 'filename="gesetze-1-larm.jsonl"' in response["Content-Disposition"]
    assert not response.cookies
    (file, manifest) = link["files"]
    assert body(get(file["url"].removeprefix("http://testserver"))) == lines
    assert b'"plan"' in body(get(manifest["url"].removeprefix("http://testserver")))


def test_an_artifact_downloads_the_same_way(
    as_alice: APIClient, export: FileExport, lines: bytes, alice: User
) -> None:
    artifact = export.refs()[0].artifact
    for url in (f"/api/v1/artifacts/{artifact.pk}", artifact.url):
        response: Any = as_alice.get(url, headers={"Range": "bytes=3-7"})
        assert (response.status_code, body(response)) == (206, lines[3:8])
        assert response["Digest"].startswith("sha-256=")
    session = Client()
    session.force_login(alice)
    assert body(session.get(artifact.url)) == lines
    about = client_answer(as_alice, f"{artifact.url}about/")
    assert (about["sha256"], about["kept_by"][0]["keeper"]) == (artifact.digest, export.url)
    assert Client().get(artifact.url).status_code == 401
    link = linked(as_alice, artifact=artifact.pk)
    assert body(get(path_of(link))) == lines


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ({}, 400, "export"),
        ({"export": 1, "artifact": 1}, 400, "export"),
        ({"export": 999_999}, 404, "export"),
        ({"artifact": 999_999}, 404, "artifact"),
        ({"export": "x"}, 400, "export"),
        ({"export": -1}, 400, "export"),
        ({"export": 1, "expires_in": 0}, 400, "expires_in"),
        ({"export": 1, "expires_in": "1d"}, 400, "expires_in"),
        ({"export": 1, "max_downloads": 0}, 400, "max_downloads"),
        ({"export": 1, "note": "x" * 501}, 400, "note"),
        ({"export": 1, "expire_in": 5}, 400, "expire_in"),
    ],
)
def test_bad_links_name_the_field(
    as_alice: APIClient, asked: dict[str, Any], status: int, field: str
) -> None:
    response = as_alice.post(URL, asked, format="json")
    assert (response.status_code, list(response.json()["fields"])) == (status, [field]), response.json()


def test_what_cannot_be_linked_is_refused(as_alice: APIClient, export: FileExport, bob: User) -> None:
    too_long = as_alice.post(URL, {"export": export.pk, "expires_in": 10**9}, format="json")
    assert (too_long.status_code, too_long.json()["code"]) == (422, "expires_too_late")
    queued = as_alice.post("/api/v1/exports/", {"theme": "Lärm"}, format="json").json()["export"]["id"]
    early = as_alice.post(URL, {"export": queued}, format="json")
    assert (early.status_code, early.json()["code"]) == (409, "export_unfinished")
    as_bob = client_of(bob, "admin")
    assert as_bob.post(URL, {"export": export.pk}, format="json").status_code == 404
    link = linked(as_alice, export=export.pk)
    assert as_bob.get(f"{URL}{link['id']}/").status_code == 404
    assert as_bob.delete(f"{URL}{link['id']}/").status_code == 404
    assert client_answer(as_bob, URL)["results"] == []
    reader = client_of(export.owner, "read")
    assert reader.post(URL, {"export": export.pk}, format="json").status_code == 403
    assert as_alice.delete(f"{URL}{link['id']}/").status_code == 204
    assert as_alice.delete(f"{URL}{link['id']}/").status_code == 409
