"""`themis push`: files become a version."""

import json
import time
from pathlib import Path

import pytest

from tests.running import Running
from tests.themisdb_datasets.conftest import Themis, answer
from tests.themisdb_datasets.proxy import before, cut, passed, refused

pytestmark = pytest.mark.usefixtures("home")


def test_files_are_pushed_as_a_version_and_compared(themis: Themis) -> None:
    name = f"Pushed {time.time_ns()}"
    lines = [json.dumps({"id": str(n), "text": "ä" * n}) for n in range(100)]
    Path("one.jsonl").write_text("\n".join(lines[:50]))
    Path("two.jsonl").write_text("\n".join([*lines[50:], "not JSON"]))
    assert "no dataset" in themis("push", name, "one.jsonl", code=1).stderr
    said = themis("push", name, "one.jsonl", "two.jsonl", "--create", "--note", "first").stdout
    assert "Version 1" in said
    assert "100 samples, 1 line rejected" in said
    changed = [json.dumps({"id": str(n), "text": "new"}) for n in (3, 4, 200)]
    Path("three.jsonl").write_text("\n".join(changed))
    version = answer(themis("push", name.lower(), "three.jsonl", "--mode", "upsert", "--json"))
    assert (version["number"], version["num_samples"]) == (2, 101)
    difference = answer(themis("diff", name, "--json"))
    expected = {"added": 1, "removed": 0, "changed": 2, "unchanged": 98, "fields": {"text": 2}}
    assert {key: difference[key] for key in expected} == expected
    assert "added" in themis("diff", name, "1", "2").stdout
    (added,) = themis("diff", name, "--samples", "added").stdout.splitlines()
    assert json.loads(added)["sample"]["id"] == "200"


def test_what_was_pushed_is_not_ingested_twice(live: Running, themis: Themis) -> None:
    name = f"Pushed once {time.time_ns()}"
    Path("one.jsonl").write_text('{"id": 1}\n')
    themis("push", name, "one.jsonl", "--create")
    assert answer(themis("push", name, "one.jsonl", "--json"))["number"] == 1
    said = themis("push", name, "one.jsonl", "--note", "other").stdout
    assert "pushed before" in said
    assert "Version 1" in said
    assert "pushed before" not in themis("push", name, "one.jsonl", "--again").stdout
    assert answer(themis("push", name, "one.jsonl", "--json"))["number"] == 2
    assert answer(themis("push", name, "one.jsonl", "--mode", "replace", "--json"))["number"] == 3
    Path("one.jsonl").write_text('{"id": 2}\n')
    # The server takes the request, and its answer is lost with the process that asked.
    with before(live.port, *[passed] * 3, cut(10), refused(401, b"{}")) as proxy:
        themis("push", name, "one.jsonl", "--url", proxy.url, code=1)
        asked = [request for request in proxy.requests if b"/versions/ " in request.partition(b"\r\n")[0]]
        assert len(asked) == 2, "asked for, and asked again"
        done = answer(themis("push", name, "one.jsonl", "--url", proxy.url, "--json"))
    assert (done["number"], done["num_samples"]) == (4, 2)
    assert len(answer(themis("ls", "versions", name, "--json"))) == 4
    job = answer(themis("push", name, "one.jsonl", "--again", "--no-wait", "--json"))
    assert job["kind"] == "ingest"
