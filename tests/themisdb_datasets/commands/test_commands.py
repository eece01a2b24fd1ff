"""The command `themis` against a whole Themis: what its document shows runs."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ROOT
from tests.running import Running
from tests.themisdb_datasets.conftest import Themis
from themisdb_datasets.commands import COMMANDS

pytestmark = pytest.mark.usefixtures("home")


def test_what_the_document_shows_runs(
    themis: Themis, live: Running, made: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("THEMIS_URL")
    monkeypatch.delenv("THEMIS_TOKEN")
    Path("laws.jsonl").write_text('{"id": 1, "text": "§ 1"}\n')
    text = (ROOT / "docs" / "client.md").read_text()
    block = text.partition("## The command")[2].partition("```sh\n")[2].partition("```")[0]
    lines = block.replace("https://themis.example.org", live.url).splitlines()
    for line in lines:
        words = shlex.split(line.replace("snapshots/3", made["snapshot"]["url"]), comments=True)
        assert words[0] == "themis"
        themis(*words[1:], given=live.known["token"])
    assert Path("train.jsonl").read_bytes().count(b"\n") > 1000
    assert Path("frozen", "manifest.json").exists()
    assert {line.split()[1] for line in lines} >= set(COMMANDS) - {"logout", "completion"}
