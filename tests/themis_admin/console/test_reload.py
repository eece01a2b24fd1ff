"""`manage.py up --reload`: what runs or shows a source starts anew when it changes, and nothing else does."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT, until
from tests.running import Running
from themis_admin.console.reloading import CODE, SHOWN, affected


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """One that watches a checkout of its own."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    shutil.copy(ROOT / "manage.py", checkout)
    for name in (*CODE, *SHOWN):
        shutil.copytree(ROOT / name, checkout / name)
    themis = Running(tmp_path / "data", arguments=("--no-demo", "--reload"), root=checkout).start()
    try:
        themis.up()
        yield themis
    finally:
        print(themis.said())
        if themis.process is not None and themis.process.poll() is None:
            themis.stop()


def anew(running: Running, before: dict[str, int]) -> set[str]:
    """The processes that are others than before, once all are there."""
    now = running.children()
    return (
        {name for name, pid in now.items() if pid != before[name]} if now.keys() == before.keys() else set()
    )


def test_only_what_runs_or_shows_a_source_starts_anew_when_it_changes(running: Running) -> None:
    before = running.children()
    template = running.root / "templates" / "base.html"
    template.write_text(template.read_text() + "<!-- changed -->")
    until(lambda: anew(running, before), what="a new web process")
    until(running.answers)
    assert anew(running, before) == {"web"}

    before = running.children()
    code = running.root / "themis_admin" / "urls.py"
    code.write_text(code.read_text() + "\n# changed\n")
    until(lambda: anew(running, before) == {"web", "worker", "sweeper"}, what="all that run code are new")
    until(running.answers)


def test_a_mistake_is_told_and_what_mends_it_is_taken_at_once(running: Running) -> None:
    code = running.root / "themis_admin" / "urls.py"
    right = code.read_text()
    code.write_text("mistake(")
    until(lambda: "web ended with 1; starting it again" in running.said(), what="the mistake is told")
    assert not running.answers()
    code.write_text(right)
    until(running.answers, what="it is mended")


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ("templates/base.html", {"web"}),
        ("static/app.css", {"web"}),
        ("exports/urls.py", {"web", "worker", "sweeper"}),
        ("themisdb_datasets/commands/main.py", {"web", "worker", "sweeper"}),
        ("themisdb_datasets/README.md", set()),
    ],
)
def test_what_a_file_is_for_says_what_starts_anew(changed: str, names: set[str]) -> None:
    assert affected(iter([ROOT / changed]), base=ROOT) == names
