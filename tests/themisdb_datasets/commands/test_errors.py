"""The command `themis` where something is wrong: a sentence, or a document, and never a traceback."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.processes import ROOT
from tests.running import Running
from tests.themisdb_datasets.conftest import Themis, answer
from tests.themisdb_datasets.proxy import before, refused
from themisdb_datasets.commands import COMMANDS, main

pytestmark = pytest.mark.usefixtures("home")


def test_what_cannot_be_listed_says_what_can(themis: Themis, live: Running) -> None:
    assert "themis ls versions DATASET" in themis("ls", "versions", code=1).stderr
    assert "did you mean" in themis("ls", "themes", live.known["dataset"][:-2], code=1).stderr
    assert "no dataset '999999'" in themis("diff", "999999", code=1).stderr
    assert "leave it out" in themis("ls", "jobs", live.known["dataset"], code=1).stderr
    assert "'datasets'" in themis("ls", "dataset", code=2).stderr
    assert "did you mean 'ls'" in themis("lss", code=2).stderr
    assert "Usage: themis" in CliRunner().invoke(main, ["--help"], prog_name="themis").stdout
    for name in COMMANDS:
        assert "Usage" in themis(name, "--help").stdout


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


def test_it_needs_nothing_heavy_and_ends_quietly_with_its_reader(live: Running, home: Path) -> None:
    blocked = home / "blocked"
    for name in (
        "duckdb",
        "pyarrow",
        "torch",
        "datasets",
        "transformers",
        "tokenizers",
        "jsonschema_rs",
        "django",
    ):
        (blocked / name).mkdir(parents=True)
        (blocked / name / "__init__.py").write_text("raise ImportError('not installed')")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{blocked}:{ROOT}",
        "THEMIS_URL": live.url,
        "THEMIS_TOKEN": live.known["token"],
    }

    def run(line: str) -> subprocess.CompletedProcess[str]:
        line = line.replace("themis", f"{sys.executable} -m themisdb_datasets", 1)
        return subprocess.run(
            ["bash", "-c", line], env=environment, capture_output=True, text=True, check=False
        )

    first = run(f"themis stream {live.known['themes'][0]} --order shuffled | head -n 1")
    assert first.stdout.count("\n") == 1
    assert first.stderr == ""
    for line in ("themis --help > /dev/full", "themis ls > /dev/full"):
        done = run(line)
        assert done.returncode == 1
        assert done.stderr == "Error: No space left on device. Make room, and call it again.\n"
    closed = run(f"themis stream {live.known['themes'][0]} --limit 2 >&-")
    assert (closed.returncode, closed.stdout, closed.stderr) == (0, "", "")
    for line in (
        "themis diff $'\\xff'",
        "themis stream $'\\xff' --json",
        "touch $'\\xff.csv'; themis push 1 *.csv",
    ):
        assert "is not UTF-8" in run(line).stderr
    assert run("themis login <&-").stderr.startswith("Error: Standard input has no token")
