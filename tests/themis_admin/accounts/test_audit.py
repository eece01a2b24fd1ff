"""The audit log tells who did what, to those whom it concerns."""

import pytest
from rest_framework.test import APIClient

from themis_admin.accounts.models import User

pytestmark = pytest.mark.django_db


def test_what_was_done_over_the_api_is_told_with_token_and_address(alice: User, as_alice: APIClient) -> None:
    made = as_alice.post("/api/v1/tokens/", {"name": "t", "scopes": ["read"]}, format="json").json()
    as_alice.delete(made["url"])
    entries = as_alice.get("/api/v1/audit/").json()["results"]
    assert [(entry["action"], entry["object"]) for entry in entries[:2]] == [
        ("token.revoked", made["url"]),
        ("token.created", made["url"]),
    ]
    assert entries[0]["created_by"] == "alice"


def test_one_sees_what_one_did_oneself_and_administrators_see_all(
    alice: User, as_alice: APIClient, as_bob: APIClient, as_charlie: APIClient
) -> None:
    as_alice.post("/api/v1/tokens/", {"name": "hers", "scopes": ["read"]}, format="json")
    names = {entry["created_by"] for entry in as_bob.get("/api/v1/audit/").json()["results"]}
    assert names == {"bob"}
    names = {entry["created_by"] for entry in as_charlie.get("/api/v1/audit/").json()["results"]}
    assert {"alice", "bob", "charlie"} <= names


def test_entries_are_filtered_by_action(as_alice: APIClient) -> None:
    assert as_alice.get("/api/v1/audit/", {"action": "nothing"}).json()["results"] == []
    assert as_alice.get("/api/v1/audit/", {"action": "token.created"}).json()["results"]
