"""Who an API token lets in: nobody without it, after its end, or beyond its scopes."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from tests.conftest import PASSWORD, client_of
from tests.themis_admin.accounts.conftest import bearer
from themis_admin.accounts import services
from themis_admin.accounts.models import ApiToken, User

pytestmark = pytest.mark.django_db
DATASET = {"name": "Gesetze"}


@pytest.mark.parametrize(
    ("scopes", "reads", "writes", "administers"),
    [
        (["read"], True, False, False),
        (["export"], True, False, False),
        (["write"], True, True, False),
        (["read", "export", "write"], True, True, False),
        (["admin"], True, True, True),
    ],
)
def test_a_token_may_what_its_scopes_say(
    alice: User, scopes: list[str], reads: bool, writes: bool, administers: bool
) -> None:
    client = client_of(alice, *scopes)
    assert (client.get("/api/v1/datasets/").status_code == 200) is reads
    answer = client.post("/api/v1/datasets/", DATASET, format="json")
    assert answer.status_code == (201 if writes else 403)
    if not writes:
        assert (answer.json()["code"], answer.json()["error"]) == (
            "scope",
            'This needs a token with the scope "write".',
        )
    body = {"name": "more", "scopes": ["admin"]}
    assert (client.post("/api/v1/tokens/", body, format="json").status_code == 201) is administers


@pytest.mark.parametrize("scope", ["read", "write"])
def test_who_may_not_export_gets_no_stream(alice: User, scope: str) -> None:
    answer = client_of(alice, scope).post("/api/export/jsonl_llm/stream", {"theme": "x"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope")


def test_an_expired_token_is_refused(alice: User) -> None:
    soon = timezone.now() + timedelta(hours=1)
    token, text = services.create_token(alice, name="t", scopes=["read"], expires_at=soon)
    assert bearer(text).get("/api/v1/jobs/").status_code == 200
    ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = bearer(text).get("/api/v1/jobs/")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="themis"')


def test_a_revoked_token_is_refused_at_once(alice: User, as_alice: APIClient) -> None:
    token, text = services.create_token(alice, name="t", scopes=["read"])
    assert as_alice.delete(f"/api/v1/tokens/{token.pk}/").status_code == 204
    assert bearer(text).get("/api/v1/jobs/").status_code == 401
    assert as_alice.get(f"/api/v1/tokens/{token.pk}/").json()["state"] == "revoked"
    assert as_alice.delete(f"/api/v1/tokens/{token.pk}/").status_code == 409


def test_tokens_of_a_deactivated_user_are_refused(alice: User, as_alice: APIClient) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert as_alice.get("/api/v1/jobs/").status_code == 401


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer thm_00000000_nope", "Basic YTpi", "Bearer ä\udcff", "Bearer a b"]
)
def test_what_is_no_token_is_401(header: str, db: None) -> None:
    client = APIClient(headers={"authorization": header.encode("utf-8", "replace").decode("latin-1")})
    answer = client.get("/api/v1/jobs/")
    assert (answer.status_code, answer.json()["status"]) == (401, "error")


def test_a_session_needs_the_csrf_token_to_write(alice: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    assert browser.login(username="alice", password=PASSWORD)
    assert browser.get("/api/v1/datasets/").status_code == 200
    refused = browser.post("/api/v1/datasets/", DATASET, content_type="application/json")
    assert (refused.status_code, refused.json()["status"]) == (403, "error")
    browser.get("/datasets/new/")
    headers = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    answer = browser.post("/api/v1/datasets/", DATASET, content_type="application/json", headers=headers)
    assert answer.status_code == 201


def test_a_session_of_a_user_may_not_what_only_administrators_may(alice: User, charlie: User) -> None:
    assert not alice.is_superuser
    browser = Client()
    browser.force_login(alice)
    assert browser.get("/users/").status_code == 403
    browser.force_login(charlie)
    assert browser.get("/users/").status_code == 200
