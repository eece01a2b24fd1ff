"""`manage.py reset_password`: a link that works once."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.conftest import PASSWORD
from tests.themis_admin.accounts.test_reset_password import NEW, use
from themis_admin.accounts.models import AuditEntry, User

pytestmark = pytest.mark.django_db


def link_for(name: str) -> str:
    out = StringIO()
    call_command("reset_password", name, "--url", "http://themis.test:8000", stdout=out)
    return out.getvalue().strip()


def test_the_command_prints_a_link_that_works_once(alice: User) -> None:
    link = link_for("alice")
    assert link.startswith("http://themis.test:8000/password/reset/")
    use(link)
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    use(link, password="yet another one 10")
    alice.refresh_from_db()
    assert alice.check_password(NEW), "a used link does nothing"
    assert AuditEntry.objects.filter(action="password.reset_link", object="alice").exists()


def test_a_link_of_another_is_of_no_use(alice: User, bob: User) -> None:
    uid = re.search(r"/reset/([^/]+)/", link_for("bob"))
    assert uid is not None
    forged = re.sub(r"/reset/[^/]+/", f"/reset/{uid[1]}/", link_for("alice"))
    use(forged)
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)


def test_an_unknown_user_is_told_with_the_known_ones(alice: User) -> None:
    with pytest.raises(CommandError, match="alice"):
        link_for("alcie")
