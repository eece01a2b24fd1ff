"""A token as a row: a digest, and when it was last used."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.accounts.conftest import bearer
from themis_admin.accounts.models import ApiToken, token_digest

pytestmark = pytest.mark.django_db


def test_a_token_is_shown_once_and_kept_as_a_digest(as_alice: APIClient) -> None:
    answer = as_alice.post("/api/v1/tokens/", {"name": "trainer", "scopes": ["read"]}, format="json")
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    text = answer.json()["token"]
    assert text.startswith(answer.json()["prefix"] + "_")
    row = ApiToken.objects.get(name="trainer")
    assert row.digest == token_digest(text)
    assert text not in str(row.__dict__)
    assert "token" not in as_alice.get(f"/api/v1/tokens/{row.pk}/").json()
    assert text not in as_alice.get("/api/v1/tokens/").content.decode()
    assert bearer(text).get("/api/v1/datasets/").status_code == 200


def test_use_is_noted_at_most_once_a_minute(as_alice: APIClient) -> None:
    as_alice.get("/api/v1/jobs/")
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    as_alice.get("/api/v1/jobs/")
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    as_alice.get("/api/v1/jobs/")
    used = ApiToken.objects.get().last_used_at
    assert used is not None
    assert used >= first
