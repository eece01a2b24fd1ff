"""A forgotten password: a link from an administrator, or by mail where mail is set up."""

import re
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from django.core import mail
from django.test import Client

from themis_admin.accounts.models import User

pytestmark = pytest.mark.django_db
NEW = "a quite different one 9"


def use(link: str, password: str = NEW) -> Client:
    """Open the link as a browser does, and set the password there if it lets one."""
    client = Client()
    page = client.get(urlsplit(link).path, follow=True)
    client.post(page.redirect_chain[-1][0] if page.redirect_chain else urlsplit(link).path, {
        "new_password1": password, "new_password2": password,
    })  # fmt: skip
    return client


def test_without_mail_the_page_says_whom_to_ask() -> None:
    page = Client().get("/password/reset/")
    assert page.status_code == 200
    assert "reset_password" in page.content.decode() or "administrator" in page.content.decode().lower()


def test_with_mail_the_link_comes_and_the_page_does_not_tell_who_has_an_account(
    alice: User, settings: LazySettings
) -> None:
    settings.EMAIL_HOST = "localhost"
    answers = [
        Client().post("/password/reset/", {"email": to}) for to in ("alice@example.org", "x@example.org")
    ]
    assert [answer.headers["Location"] for answer in answers] == ["/password/reset/sent/"] * 2
    (letter,) = mail.outbox
    assert letter.to == ["alice@example.org"]
    found = re.search(r"http://\S+", str(letter.body))
    assert found is not None
    use(found[0])
    alice.refresh_from_db()
    assert alice.check_password(NEW)


def test_an_administrator_hands_out_a_link(alice: User, charlie: User) -> None:
    client = Client()
    client.force_login(alice)
    assert client.post(f"/users/{charlie.pk}/link/").status_code == 403
    client.force_login(charlie)
    page = client.post(f"/users/{alice.pk}/link/").content.decode()
    link = re.search(r"http://testserver(/password/reset/[^\s\"<&]+)", page)
    assert link is not None
    use(link[0])
    alice.refresh_from_db()
    assert alice.check_password(NEW)
