"""Logging in and out."""

import pytest
from django.test import Client

from tests.conftest import PASSWORD
from tests.themis_admin.accounts.conftest import log_in
from themis_admin.accounts.models import AuditEntry, User

pytestmark = pytest.mark.django_db


def test_a_login_opens_the_console_and_a_logout_closes_it(alice: User) -> None:
    client = Client()
    assert client.get("/").headers["Location"] == "/login/?next=/"
    assert log_in(client, "alice", PASSWORD)
    assert client.get("/").status_code == 200
    assert list(AuditEntry.objects.filter(user=alice).values_list("action", flat=True)) == ["login"]
    client.post("/logout/")
    assert client.get("/").status_code == 302


def test_the_session_is_out_of_reach_of_scripts_and_other_sites(alice: User) -> None:
    client = Client()
    assert log_in(client, "alice", PASSWORD)
    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_logging_out_takes_a_post(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    assert client.get("/logout/").status_code == 405
    assert client.get("/").status_code == 200


def test_the_login_needs_its_csrf_token(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/login/", {"username": "alice", "password": PASSWORD})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_a_login_does_not_lead_to_other_sites(alice: User, target: str) -> None:
    body = {"username": "alice", "password": PASSWORD, "next": target}
    assert Client().post("/login/", body).headers["Location"] == "/"


def test_a_deactivated_user_is_out(alice: User) -> None:
    client = Client()
    assert log_in(client, "alice", PASSWORD)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert client.get("/").status_code == 302
    assert not log_in(Client(), "alice", PASSWORD)


def test_changing_the_password_ends_other_sessions(alice: User) -> None:
    here, there = Client(), Client()
    assert log_in(here, "alice", PASSWORD)
    assert log_in(there, "alice", PASSWORD)
    new = "a quite different one 9"
    body = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert here.post("/password/", body).status_code == 302
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302
    assert log_in(Client(), "alice", new)
