"""API tokens over REST: given out within one's own rights, and nobody else's."""

import pytest
from rest_framework.test import APIClient

from tests.conftest import client_of
from themis_admin.accounts import services
from themis_admin.accounts.models import ApiToken, User

pytestmark = pytest.mark.django_db


def test_a_token_cannot_give_out_more_than_it_has(alice: User) -> None:
    writer = client_of(alice, "write")
    body = {"name": "more", "scopes": ["write", "export"]}
    answer = writer.post("/api/v1/tokens/", body, format="json")
    assert answer.status_code in (400, 403)
    assert "export" in answer.json()["error"]
    assert not ApiToken.objects.filter(name="more").exists()


def test_others_tokens_are_not_there_even_for_administrators(
    alice: User, as_bob: APIClient, as_charlie: APIClient
) -> None:
    token, _ = services.create_token(alice, name="t", scopes=["read"])
    for client in (as_bob, as_charlie):
        assert client.get(f"/api/v1/tokens/{token.pk}/").status_code == 404
        assert client.delete(f"/api/v1/tokens/{token.pk}/").status_code == 404
    assert ApiToken.objects.get(pk=token.pk).revoked_at is None


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"name": "t", "scopes": []}, "at least one scope"),
        ({"name": "t", "scopes": ["reed"]}, "read"),
        ({"name": " ", "scopes": ["read"]}, "1 to 200 characters"),
        ({"name": "t" * 201, "scopes": ["read"]}, "1 to 200 characters"),
        ({"name": "t", "scopes": ["read"], "expires_at": "2000-01-01T00:00:00Z"}, "expired already"),
        ({"name": "t", "scopes": ["read"], "expires_at": "2099-01-01T00:00:00"}, "offset"),
        ({"name": "t", "scope": ["read"]}, "scopes"),
        ({"name": 1, "scopes": ["read"]}, "name"),
        ([], "array"),
    ],
)
def test_a_bad_body_is_refused_with_a_reason(as_charlie: APIClient, body: object, told: str) -> None:
    answer = as_charlie.post("/api/v1/tokens/", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert told in answer.json()["error"]
