"""What all tests share: a Valkey of their own, people with tokens and browsers, and that in CI nothing is skipped."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from rest_framework.test import APIClient

from tests.layout import compact
from tests.processes import stop, until
from tests.programs import IN_CI, NO_CORPUS
from tests.running import Running
from tests.settings import FOLDER
from themis_admin.accounts import services as accounts
from themis_admin.accounts.models import User
from themis_admin.celery import app
from themis_admin.console import valkey
from themis_admin.processes import die_with_parent

PASSWORD = "correct horse battery staple"
LONGEST = ("test_postgresql.py", "test_journey.py", "test_kill.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that take long go first: of processes that take one after the other, none is left alone at the end."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


@pytest.fixture(scope="session", autouse=True)
def _valkey() -> Iterator[None]:
    """The real Valkey, as `manage.py up` starts it."""
    parent = os.getpid()
    server = subprocess.Popen(
        valkey.command(FOLDER), stdout=subprocess.DEVNULL, preexec_fn=lambda: die_with_parent(parent)
    )
    until(lambda: valkey.answers(FOLDER), what="Valkey answers")
    yield
    stop(server)


@pytest.fixture(scope="session", autouse=True)
def _folders() -> None:
    """The data folder of tests that do not make one of their own."""
    for name in ("storage", "work", "uploads", "selections"):
        Path(FOLDER, "data", name).mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="session", autouse=True)
def _kinds() -> None:
    """Every kind of job is known here, as a worker knows it."""
    app.loader.import_default_modules()


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", email="alice@example.org", password=PASSWORD)


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob", password=PASSWORD)


@pytest.fixture
def charlie(db: None) -> User:
    """The administrator."""
    return User.objects.create_superuser("charlie", password=PASSWORD)


def client_of(user: User, *scopes: str) -> APIClient:
    """A client of the API with a token of the user."""
    _, text = accounts.create_token(user, name="test", scopes=scopes)
    return APIClient(headers={"authorization": f"Bearer {text}"})


@pytest.fixture
def as_alice(alice: User) -> APIClient:
    return client_of(alice, "read", "write")


@pytest.fixture
def as_bob(bob: User) -> APIClient:
    return client_of(bob, "read", "write")


@pytest.fixture
def as_charlie(charlie: User) -> APIClient:
    return client_of(charlie, "admin")


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def alices(alice: User) -> Client:
    return browser_of(alice)


@pytest.fixture
def bobs(bob: User) -> Client:
    return browser_of(bob)


@pytest.fixture
def charlies(charlie: User) -> Client:
    return browser_of(charlie)


def page(browser: Client, path: str) -> str:
    """A page's HTML, laid out in one way: see `compact`."""
    response = browser.get(path)
    assert response.status_code == 200, (path, response.status_code)
    return compact(response.content.decode())


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A whole Themis in processes of its own, after its first run; `live.known` is what first-run.json says."""
    themis = Running(tmp_path_factory.mktemp("live") / "data")
    roots = str(themis.data.parent)
    themis.start(
        THEMIS_LEASE_SECONDS="2",
        THEMIS_MIN_FREE_BYTES="0",
        THEMIS_INGEST_ROOTS=roots,
        THEMIS_STALL_SECONDS="8",
        THEMIS_KEEP_ALIVE_SECONDS="1",
    )
    try:
        themis.known = themis.ready()
        yield themis
    finally:
        if themis.process is not None:
            stop(themis.process)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a test that was skipped is one that failed, but for those on the real corpus, which not every CI has."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not IN_CI or reporter is None:
        return
    if skipped := [
        report for report in reporter.stats.get("skipped", []) if NO_CORPUS not in str(report.longrepr)
    ]:
        reporter.write_line(f"{len(skipped)} tests were skipped; in CI nothing is.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
