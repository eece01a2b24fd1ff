"""`themis stream`: what the server sends, gone on with where it broke off."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ROOT, until
from tests.running import Running
from tests.themisdb_datasets.conftest import Themis, answer
from tests.themisdb_datasets.proxy import before, ended, refused, stalled

pytestmark = pytest.mark.usefixtures("home")


def options(query: dict[str, Any]) -> list[str]:
    return [query["theme"], "--order", query["order"], "--seed", str(query["seed"])]


def test_a_stream_is_what_the_server_sends(themis: Themis, query: dict[str, Any], whole: bytes) -> None:
    assert themis("stream", *options(query)).stdout_bytes == whole
    Path("query.json").write_text(json.dumps(query))
    lines = themis("stream", "-q", "@query.json", "--limit", "5").stdout_bytes
    assert lines == b"".join(whole.splitlines(keepends=True)[:5])
    plan = answer(themis("stream", "-q", json.dumps(query), "--dry-run", "--json"))
    cursor = f"{plan['plan']}.5"
    assert lines + themis("stream", "--cursor", cursor).stdout_bytes == whole
    assert plan["cursor"] in themis("stream", *options(query), "--dry-run").stdout
    raw = ("--format", "raw", "--from-date", "2000-01-01", "--dataset", "1", "--dataset-version", "latest")
    (line,) = themis("stream", query["theme"], *raw, "--limit", "1").stdout.splitlines()
    assert json.loads(line)["category"] == query["theme"]
    (last,) = themis(
        "stream", *options(query), "--rank", "1", "--world-size", "2", "--limit", "1"
    ).stdout_bytes.splitlines(True)
    assert last == whole.splitlines(keepends=True)[1]


def test_a_streamed_file_goes_on_where_it_broke_off(
    live: Running, themis: Themis, query: dict[str, Any], whole: bytes, home: Path
) -> None:
    arguments = ["stream", *options(query), "-o", "laws.jsonl"]
    with before(live.port, ended(len(whole) // 2), refused(401, b"{}")) as proxy:
        themis(*arguments, "--url", proxy.url, code=1)
        assert not Path("laws.jsonl").exists()
        assert Path("laws.jsonl.part").stat().st_size > len(whole) // 3
        with Path("laws.jsonl.part").open("ab") as file:
            file.write(b'{"half a li')  # that nobody has noted
        assert "another query" in themis("stream", "-o", "laws.jsonl", query["theme"], code=1).stderr
        proxy.requests.clear()
        done = answer(themis(*arguments, "--url", proxy.url, "--json"))
        assert b'"cursor"' in proxy.requests[0]
    assert Path("laws.jsonl").read_bytes() == whole
    assert (done["num_samples"], done["num_bytes"]) == (whole.count(b"\n"), len(whole))
    assert [path.name for path in home.iterdir()] == ["laws.jsonl"]
    assert "already" in themis(*arguments, code=1).stderr


def test_a_streamed_file_goes_on_after_a_kill(
    live: Running, themis: Themis, query: dict[str, Any], whole: bytes
) -> None:
    arguments = ["stream", *options(query), "-o", "laws.jsonl"]
    with before(live.port, stalled(len(whole) // 2)) as proxy:
        command = [sys.executable, "-m", "themisdb_datasets", *arguments, "--url", proxy.url]
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
        part = Path("laws.jsonl.part")
        until(lambda: part.exists() and part.stat().st_size > len(whole) // 4, what="some of it is there")
        assert "Another process" in themis(*arguments, code=1).stderr
        process.send_signal(signal.SIGKILL)
        process.wait()
    themis(*arguments)
    assert Path("laws.jsonl").read_bytes() == whole
