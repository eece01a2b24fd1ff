"""The command's completions, as a shell asks for them when somebody presses Tab."""

import fcntl
import os
import pty
import select
import shlex
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.processes import ROOT, until
from tests.programs import shell
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


@pytest.fixture
def environment(live: Running, tmp_path: Path) -> dict[str, str]:
    """A shell that finds `themis`, which completes, and else only notes what it was called with."""
    program = tmp_path / "themis"
    run = f'exec {shlex.quote(sys.executable)} -m themisdb_datasets "$@"'
    program.write_text(
        f"""#!/bin/sh
[ -n "$_THEMIS_COMPLETE" ] || [ "$1" = completion ] && {run}
printf '%s\\n' "$@" >"{tmp_path}/called.new" && mv "{tmp_path}/called.new" "{tmp_path}/called"
"""
    )
    program.chmod(0o755)
    return {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path),
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "THEMIS_URL": live.url,
        "THEMIS_TOKEN": live.known["token"],
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
    }


@pytest.fixture
def name(live: Running) -> str:
    """That of a dataset, with what is special to shells."""
    name = f"{time.time_ns()} Gesetze ($HOME, 'neu'; *)"
    with Client(live.url, live.known["token"]) as client:
        client.post("datasets/", {"name": name})
    return name


def test_bash_completes_names_as_one_word(live: Running, environment: dict[str, str], name: str) -> None:
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
    until(lambda: theme in tab("stream", theme[:3]), what="the server answers at once")
    begun = name.partition(" ")[0]
    (found,) = until(lambda: tab("diff", f"{begun}\\ gesetze\\ \\("))
    assert found != name
    assert shlex.split(found) == [name]
    assert until(lambda: tab("diff", f'"{begun} Gesetze (')) == [name], "within quotes it needs no others"


SETTINGS = {
    "bash": (".bashrc", """eval "$(themis completion bash)"; PS1='READY '"""),
    "zsh": (
        ".zshrc",
        """autoload -U compinit; compinit -u -D; eval "$(themis completion zsh)"; PS1='READY '""",
    ),
    "fish": ("fish/config.fish", "function fish_prompt; echo -n 'READY '; end; set fish_greeting"),
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_tab_in_a_terminal_gives_the_words_that_are_meant(
    live: Running, environment: dict[str, str], name: str, tmp_path: Path, kind: str
) -> None:
    place, settings = SETTINGS[kind]
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(f"{settings}\n")
    if kind == "fish":  # as its documents want it
        (tmp_path / "fish" / "completions").mkdir()
        script = subprocess.check_output([tmp_path / "themis", "completion", "fish"], env=environment)
        (tmp_path / "fish" / "completions" / "themis.fish").write_bytes(script)
    theme = live.known["themes"][0]
    line = f"themis str\t {theme[:4]}\t --dataset {name.partition(' ')[0]}\\ \t --dry\t\r"
    called = tmp_path / "called"

    def words() -> list[str]:
        called.unlink(missing_ok=True)
        with terminal([str(shell(kind)), "-i"], environment) as screen:
            until(lambda: b"READY " in screen(), what="the prompt is there")
            screen(line.encode())
            until(lambda: screen() and called.exists(), what="the line has run")
        return called.read_text().splitlines()

    # A server that does not answer at once completes nothing.
    meant = ["stream", theme, "--dataset", name, "--dry-run"]
    until(lambda: words() == meant, what="the names are completed")


@contextmanager
def terminal(command: list[str], environment: dict[str, str]) -> Iterator[Callable[..., bytes]]:
    """A shell in a terminal of its own: call it with what one types, and it answers all that was shown so far."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    shown = bytearray()

    def screen(typed: bytes = b"") -> bytes:
        os.write(ours, typed)
        while select.select([ours], [], [], 0.05)[0]:
            shown.extend(os.read(ours, 4096))
        return bytes(shown)

    try:
        yield screen
    finally:
        os.close(ours)  # which hangs up
        process.wait(60)
