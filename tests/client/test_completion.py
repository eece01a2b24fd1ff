"""The command's completions, as a shell asks for them when somebody presses Tab."""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.processes import ROOT
from tests.running import Running
from themisdb_datasets import Client
from themisdb_datasets.commands import main

PRESS_TAB = """
eval "$(themis completion bash)"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_themis_completion themis
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_is_told_how_to_complete(shell: str) -> None:
    told = CliRunner().invoke(main, ["completion", shell])
    assert told.exit_code == 0, told.output
    assert "_THEMIS_COMPLETE" in told.stdout


def test_bash_completes_names_as_one_word(live: Running, tmp_path: Path) -> None:
    name = f"Gesetze ($HOME, 'neu') {time.time_ns()}"
    with Client(live.url, live.known["token"]) as client:
        client.post("datasets/", {"name": name})
    program = tmp_path / "themis"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m themisdb_datasets "$@"\n')
    program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "THEMIS_URL": live.url,
        "THEMIS_TOKEN": live.known["token"],
    }

    def tab(*words: str) -> list[str]:
        done = subprocess.run(
            ["bash", "-c", PRESS_TAB, "bash", "themis", *words],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        return done.stdout.splitlines()

    assert tab("pu") == ["pull", "push"]
    theme = live.known["themes"][0]
    assert theme in tab("stream", theme[:3])
    (found,) = tab("diff", "gesetze\\ \\(")
    assert found != name
    assert shlex.split(found) == [name]
    assert tab("diff", '"Gesetze (') == [name], "within quotes it needs no others"
