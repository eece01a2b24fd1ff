"""What the commands have in common: sentences or documents for errors, and never a traceback."""

import json
import time
from pathlib import Path

import pytest

from tests.running import Running
from tests.themisdb_datasets.conftest import Themis, answer
from tests.themisdb_datasets.proxy import before, refused

pytestmark = pytest.mark.usefixtures("home")


def test_errors_are_sentences_or_documents_and_never_a_traceback(themis: Themis, live: Running) -> None:
    failed = themis("stream", "Datenschuz", "--json", code=1)
    assert failed.stdout == ""
    document = json.loads(failed.stderr)
    assert document["status"] == "error"
    assert "Datenschutz" in document["error"]
    assert themis("stream", "-q", "[1]", code=1).stderr.startswith("Error: --query")
    assert themis("stream", "-q", "@nothing", code=1).stderr.startswith("Error: --query")
    assert "no address" in themis("ls", "--url", "x", code=1).stderr
    # What is written wrongly is a document too, and both options may stand before the command.
    wrongly = [("ls", "--json", "nothing"), ("--json", "ls", "nothing"), ("--json", "lss"), ("--json",)]
    for arguments in (*wrongly, ("push", "--json"), ("ls", "--json", "--nothing"), ("--json", "--nothing")):
        failed = themis(*arguments, code=2)
        assert failed.stdout == ""
        assert json.loads(failed.stderr)["code"] == "usage"
    assert answer(themis("--json", "--url", live.url, "ls")) == answer(themis("ls", "--json"))
    assert "no address" in themis("--url", "x", "ls", code=1).stderr
    assert "/snapshots/999999/" in themis("pull", "snapshots/999999", code=1).stderr
    page = themis("pull", f"{live.url}/d/nothing", code=1).stderr
    assert "This link does not work" in page
    assert "<" not in page
    themis("push", live.known["dataset"], "nothing.jsonl", code=2)
    assert "99" in themis("diff", live.known["dataset"], "latest", "99", code=1).stderr


def test_another_service_at_the_address_is_told_as_that(live: Running, themis: Themis) -> None:
    calls = [("ls",), ("pull", "snapshots/1"), ("diff", "1"), ("login", "ADDRESS")]
    for arguments in calls:
        with before(live.port, *[refused(200, b"{}"), refused(200, b"[]")]) as proxy:
            words = [proxy.url if word == "ADDRESS" else word for word in arguments]
            for _ in range(2):
                failed = themis(*words, "--url", proxy.url, given=live.known["token"], code=1)
                assert failed.stderr.startswith("Error: What answers is no Themis")


def test_what_others_named_does_not_move_the_cursor(themis: Themis) -> None:
    name = f"Named {time.time_ns()}"
    Path("one.jsonl").write_text('{"id": 1}')
    themis("push", name, "one.jsonl", "--create", "--note", "\x1b[2J\rroot")
    said = themis("ls", "versions", name).stdout + themis("diff", "\x1b[2J\rroot", code=1).stderr
    assert said.count("[2J") == 2
    assert "\x1b" not in said
    assert "\r" not in said
