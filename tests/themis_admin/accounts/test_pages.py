"""Logging in, passwords, tokens and users in the browser."""

import re

import pytest
from django.conf import LazySettings
from django.core import mail
from django.test import Client
from rest_framework.test import APIClient

from tests.conftest import PASSWORD, page
from tests.themis_admin.datasets.conftest import folders
from themis_admin.accounts.models import ApiToken, AuditEntry, User
from themis_admin.accounts.services import FAILURES, create_token

__all__ = ["folders"]


TOKEN = re.compile(r'id="secret">([^<]+)<')
LINK = re.compile(r"/password/reset/[\w-]+/[\w-]+/")
NEW = "a long and fresh password"


def test_it_logs_in_and_goes_where_one_wanted_to(alice: User) -> None:
    response = Client().post(
        "/login/", {"username": "alice", "password": PASSWORD, "next": "/jobs/?state=failed"}
    )
    assert response["Location"] == "/jobs/?state=failed"
    assert AuditEntry.objects.filter(user=alice, action="login").exists()


def test_it_does_not_send_people_elsewhere(alice: User) -> None:
    response = Client().post(
        "/login/", {"username": "alice", "password": PASSWORD, "next": "https://example.com/"}
    )
    assert response["Location"] == "/"


def test_too_many_wrong_passwords_stop_the_right_one_too(alice: User) -> None:
    for _ in range(FAILURES):
        Client().post("/login/", {"username": "alice", "password": "wrong"})
    response = Client().post("/login/", {"username": "alice", "password": PASSWORD})
    assert response.status_code == 200
    assert "Too many failed logins" in response.content.decode()


def test_logging_out_needs_the_form(alices: Client) -> None:
    assert alices.get("/logout/").status_code == 405
    alices.post("/logout/")
    assert alices.get("/").status_code == 302


def test_a_token_is_shown_once_and_works(alices: Client, alice: User) -> None:
    response = alices.post("/tokens/", {"name": "trainer", "scopes": ["read"], "expires_in": "30"})
    found = TOKEN.search(response.content.decode())
    assert found
    secret = found[1]
    assert "no-store" in response["Cache-Control"]
    assert secret not in page(alices, "/tokens/")
    assert (
        APIClient(headers={"authorization": f"Bearer {secret}"}).get("/api/v1/datasets/").status_code == 200
    )
    token = ApiToken.objects.get(user=alice)
    assert token.expires_at is not None
    assert (token.expires_at - token.created_at).days in (29, 30)


def test_a_token_needs_a_name_and_a_scope(alices: Client) -> None:
    response = alices.post("/tokens/", {"name": "", "expires_in": ""})
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"name", "scopes"}


def test_a_revoked_token_is_refused(alices: Client, bobs: Client, alice: User) -> None:
    token, secret = create_token(alice, name="trainer", scopes=["read"])
    assert bobs.post(f"/tokens/{token.pk}/revoke/").status_code == 404
    assert "cannot be brought back" in page(alices, f"/tokens/{token.pk}/revoke/")
    alices.post(f"/tokens/{token.pk}/revoke/")
    assert (
        APIClient(headers={"authorization": f"Bearer {secret}"}).get("/api/v1/datasets/").status_code == 401
    )
    assert "revoked" in page(alices, "/tokens/")


@pytest.mark.parametrize("path", ["/users/", "/users/1/link/", "/users/1/deactivate/", "/users/1/activate/"])
def test_users_are_for_administrators(path: str, alices: Client) -> None:
    assert alices.get(path).status_code in (403, 405)
    assert alices.post(path).status_code == 403


def test_an_administrator_makes_a_user_who_chooses_a_password(charlies: Client) -> None:
    response = charlies.post("/users/", {"username": "dora", "email": ""})
    found = LINK.search(response.content.decode())
    assert found
    browser = Client()
    form = browser.get(found[0], follow=True)
    assert form.status_code == 200
    chosen = browser.post(form.redirect_chain[-1][0], {"new_password1": NEW, "new_password2": NEW})
    assert chosen["Location"] == "/login/"
    assert Client().post("/login/", {"username": "dora", "password": NEW})["Location"] == "/"
    assert "has been used" in Client().get(found[0], follow=True).content.decode()


def test_a_deactivated_user_is_out(charlies: Client, alices: Client, alice: User, charlie: User) -> None:
    charlies.post(f"/users/{alice.pk}/deactivate/")
    assert alices.get("/").status_code == 302
    assert charlies.post(f"/users/{charlie.pk}/deactivate/").status_code == 404
    charlies.post(f"/users/{alice.pk}/activate/")
    assert User.objects.get(pk=alice.pk).is_active


def test_it_changes_ones_password(alices: Client) -> None:
    wrong = alices.post("/password/", {"old_password": "no", "new_password1": NEW, "new_password2": NEW})
    assert "old_password" in wrong.context["form"].errors
    alices.post("/password/", {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW})
    assert Client().post("/login/", {"username": "alice", "password": NEW})["Location"] == "/"


def test_a_forgotten_password_is_reset_by_mail_where_mail_is_set_up(
    alice: User, settings: LazySettings
) -> None:
    assert "sends no mail" in Client().get("/password/reset/").content.decode()
    assert Client().post("/password/reset/", {"email": "alice@example.org"}).status_code == 403
    settings.EMAIL_HOST = "mail.example.org"
    Client().post("/password/reset/", {"email": "alice@example.org"})
    assert LINK.search(str(mail.outbox[0].body))
    Client().post("/password/reset/", {"email": "nobody@example.org"})
    assert len(mail.outbox) == 1
