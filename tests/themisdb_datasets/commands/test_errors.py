"""The command `themis` where something is wrong: it says what would be right, and needs nothing heavy for that."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.processes import ROOT
from tests.running import Running
from tests.themisdb_datasets.conftest import Themis
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
