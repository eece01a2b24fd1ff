"""The whole of Themis for the journey: `manage.py up` on a folder of its own, and a real browser that complains."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.processes import PATIENCE, ROOT, free_port, stop, until
from tests.programs import chromium
from themis_admin.processes import die_with_parent

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--no-first-run"]  # fmt: skip
OWN = ("THEMIS_", "DATA", "PORT", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
# The browser itself logs an answer such as 404 or 422, which tests look at on the page; htmx logs what it was still
# fetching when one went on to another page.
EXPECTED = ("Failed to load resource", "htmx:sendAbort", "htmx:afterRequest")
expect.set_options(timeout=1000 * PATIENCE / 3)


@dataclass(frozen=True)
class Server:
    """A running Themis and how to get in."""

    url: str
    username: str
    password: str
    token: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`manage.py up` as a user starts it: broker, worker, sweeper, web, and the first run."""
    data = tmp_path_factory.mktemp("journey")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    parent = os.getpid()
    with (data / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "up"],
            env={**clean, "DATA": str(data), "PORT": str(free_port()), "THEMIS_MIN_FREE_BYTES": "0"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: die_with_parent(parent),
        )
    try:
        first = data / "first-run.json"
        until(lambda: first.exists() or process.poll() is not None, what="the first run is done")
        assert process.poll() is None, (data / "up.log").read_text()
        known = json.loads(first.read_text())
        yield Server(**{name: known[name] for name in ("url", "username", "password", "token")})
    finally:
        stop(process, seconds=30)


# For the module, not longer: while Playwright is open, its event loop runs in this thread, which the database refuses.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Complaints:
    """What the browser's console said: errors of scripts, and what the content security policy refused."""

    said: list[str]

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(EXPECTED):
            self.said.append(f"{message.type}: {message.text}")


@pytest.fixture
def page(browser: Browser, server: Server, tmp_path: Path) -> Iterator[Page]:
    """A fresh window; at the end nothing may have been said on its console."""
    context = browser.new_context(
        base_url=server.url, viewport={"width": 1440, "height": 900}, accept_downloads=True
    )
    window = context.new_page()
    window.set_default_timeout(1000 * PATIENCE / 3)
    complaints = Complaints([])
    window.on("console", complaints.hear)
    window.on("pageerror", lambda error: complaints.said.append(str(error)))
    yield window
    window.screenshot(path=tmp_path / "end.png")
    context.close()
    assert complaints.said == []


@pytest.fixture
def logged_in(page: Page, server: Server) -> Page:
    page.goto("/login/")
    page.get_by_label("Username").fill(server.username)
    page.get_by_label("Password").fill(server.password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    page.wait_for_load_state()
    return page
