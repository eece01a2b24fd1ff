"""Guessing passwords is slowed down, and tells nobody who has an account."""

import pytest
from django.test import Client

from tests.conftest import PASSWORD
from tests.themis_admin.accounts.conftest import log_in
from themis_admin.accounts.models import User
from themis_admin.accounts.services import FAILURES

pytestmark = pytest.mark.django_db


def test_a_wrong_password_does_not_tell_who_has_an_account(alice: User) -> None:
    said = []
    for name in ("alice", "nobody"):
        page = Client().post("/login/", {"username": name, "password": "wrong"}).content.decode()
        said.append(page.replace(name, ""))
        assert "correct username and password" in page
    assert len(said) == 2


def test_after_ten_failures_even_the_right_password_has_to_wait(alice: User) -> None:
    for _ in range(FAILURES):
        assert not log_in(Client(), "alice", "wrong")
    assert not log_in(Client(), "alice", PASSWORD)
    assert not log_in(Client(), "ALICE", PASSWORD)
    page = Client().post("/login/", {"username": "alice", "password": PASSWORD}).content.decode()
    assert "Too many failed logins" in page
    assert log_in(Client(), "alice", PASSWORD, ip="127.0.0.2"), "someone else's guesses do not lock alice out"


def test_a_login_that_succeeds_starts_the_count_anew(alice: User) -> None:
    for _ in range(2):
        for _ in range(FAILURES - 1):
            assert not log_in(Client(), "alice", "wrong")
        assert log_in(Client(), "alice", PASSWORD)
