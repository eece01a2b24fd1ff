"""The command `themis` against a whole Themis: what it says, what it writes, how it goes on, and how it fails."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ROOT, until
from tests.running import Running
from tests.themisdb_datasets.conftest import Themis, answer
from tests.themisdb_datasets.proxy import before, cut, ended, passed, refused, stalled
from themisdb_datasets import Client, ThemisDataset
from themisdb_datasets.client.download import sha256_of
from themisdb_datasets.commands import COMMANDS
from themisdb_datasets.commands.ls import KINDS

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(scope="module")
def made(live: Running) -> dict[str, dict[str, Any]]:
    """A snapshot, an index and an export of three files."""
    with Client(live.url, live.known["token"]) as client:
        theme = next(iter(client.pages("themes/")))
        dataset = client.get(f"datasets/{theme['dataset']}/")
        version = dataset["latest"]["id"]
        asked = {
            "snapshot": ("snapshots/", {"version": version, "theme": theme["id"]}),
            "index": ("indexes/", {"kind": "offsets", "version": version}),
            "export": ("exports/", {"dataset": dataset["id"], "file": {"max_bytes": 2_000_000}}),
        }
        answers = {kind: client.post(path, body) for kind, (path, body) in asked.items()}
        for each in answers.values():
            client.wait(each["job"])
        return {kind: client.get(each[kind]["url"]) for kind, each in answers.items()}


def test_login_is_kept_for_the_owner_only(
    themis: Themis, live: Running, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = live.known["token"]
    monkeypatch.delenv("THEMIS_URL")
    monkeypatch.delenv("THEMIS_TOKEN")
    assert "themis login" in themis("ls", code=1).stderr
    assert "token" in themis("login", live.url, given="thm_wrong\n", code=1).stderr.lower()
    written = home / "xdg_config_home" / "themis" / "login.json"
    assert not written.exists(), "what does not work is not kept"
    said = themis("login", f"{live.url}/", given=f"{token}\n").stdout
    assert live.url in said
    assert "admin" in said
    assert token not in said
    assert written.stat().st_mode & 0o077 == 0
    assert live.known["dataset"] in themis("ls").stdout
    # It is only sent to where it belongs.
    with before(live.port) as elsewhere:
        assert "no token" in themis("ls", "--url", elsewhere.url, code=1).stderr
        assert elsewhere.requests == []
    written.write_text("{")
    assert "cannot be read" in themis("ls", code=1).stderr
    # Where nobody can be asked, what stands in standard input is the token, which is told to nobody.
    failed = themis("login", given=f"{token}\n", code=1)
    assert "themis login ADDRESS" in failed.stderr
    assert token not in failed.output
    assert "has no token" in themis("login", live.url, given="", code=1).stderr
    themis("login", live.url, given=token)
    themis("logout")
    assert not written.exists()
    themis("logout")


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("kind", KINDS)
def test_what_there_is_is_listed(themis: Themis, live: Running, kind: str) -> None:
    arguments = ["ls", kind, *([live.known["dataset"].upper()] if kind == "versions" else [])]
    objects = answer(themis(*arguments, "--json"))
    lines = themis(*arguments).stdout.splitlines()
    if not objects:
        assert lines == [f"There are no {kind}."]
        return
    assert lines[0].split() == list(KINDS[kind].columns)
    assert len(lines) == len(objects) + 1
    for line, each in zip(lines[1:], objects, strict=True):
        assert str(each.get("id", each.get("export_id"))) == line.split()[0]


def test_what_is_in_the_way_is_told_before_anything_comes(
    live: Running, themis: Themis, made: dict[str, dict[str, Any]], home: Path
) -> None:
    (home / "file").write_text("mine")
    for kind in ("snapshot", "index", "export"):
        assert "a folder is needed" in themis("pull", made[kind]["url"], "-o", "file", code=1).stderr
        within = themis("pull", made[kind]["url"], "-o", "file/within", code=1).stderr
        assert within.startswith("Error: file")
        assert "choose another name" in within
        assert "Errno" not in within
    said = themis("stream", live.known["themes"][0], "-o", "nowhere/laws.jsonl", code=1).stderr
    assert "Make its folder first" in said
    themis("stream", "-q", '{"dataset": 1, "stream_mode": "continuous"}', "-o", "laws.jsonl", code=1)
    themis("stream", "No such theme", "-o", "laws.jsonl", code=1)
    assert [path.name for path in home.iterdir()] == ["file"]


def test_an_address_of_another_server_is_not_taken_for_one_of_this(
    live: Running, themis: Themis, made: dict[str, dict[str, Any]]
) -> None:
    url = made["snapshot"]["url"]
    assert "not beneath" in themis("pull", f"https://themis.example.org{url}", code=1).stderr
    assert "not beneath" in themis("verify", ".", f"https://themis.example.org{url}", code=1).stderr
    themis("pull", f"{live.url}{url}", "-o", "mine")
    themis("verify", "mine", live.url + url.removeprefix("/api/v1"))


@pytest.mark.parametrize("kind", ["snapshot", "export"])
def test_files_are_pulled_checked_and_not_pulled_twice(
    live: Running, themis: Themis, made: dict[str, dict[str, Any]], kind: str
) -> None:
    url, folder = made[kind]["url"], Path("pulled")
    with before(live.port, passed, passed, cut(300), refused(502), cut(90_000)) as proxy:
        files = answer(themis("pull", url, "-o", str(folder), "--json", "--url", proxy.url))
        assert {Path(file["path"]).name: file["sha256"] for file in files} == {
            file["name"]: file["sha256"] for file in made[kind]["files"]
        }
        assert files[-1]["path"].endswith("manifest.json"), "what has one is whole"
        assert {file.name: sha256_of(file) for file in folder.iterdir()} == {
            file["name"]: file["sha256"] for file in made[kind]["files"]
        }
        proxy.requests.clear()
        themis("pull", url, "-o", str(folder), "--url", proxy.url)
        assert not [request for request in proxy.requests if b"GET /api/v1/artifacts" in request]
    themis("verify", str(folder))
    themis("verify", str(folder), url)
    victim = folder / made[kind]["files"][0]["name"]
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    assert "damaged" in themis("verify", str(folder), code=1).stdout
    assert "already" in themis("pull", url, "-o", str(folder), code=1).stderr
    themis("pull", url, "-o", str(folder), "--replace")
    themis("verify", str(folder), url)
    victim.unlink()
    assert answer(themis("verify", str(folder), "--json", code=1))["problems"] == [
        f"{victim.name} is missing."
    ]


def test_some_files_and_single_ones_are_pulled(themis: Themis, made: dict[str, dict[str, Any]]) -> None:
    snapshot = made["snapshot"]
    themis("pull", f"snapshot/{snapshot['id']}", "--only", "*.parquet")
    assert [file.name for file in Path(f"snapshot-{snapshot['id']}").iterdir()] == ["samples.parquet"]
    themis("pull", f"datasets/{snapshot['dataset']}/snapshots/{snapshot['series']}", "-o", "newest")
    themis("verify", "newest", snapshot["url"])
    (first, *_) = snapshot["files"]
    themis("pull", first["url"])
    themis("verify", first["name"], first["url"])
    themis("verify", first["name"], snapshot["url"])
    assert "say of what" in themis("verify", first["name"], code=1).stderr
    Path(first["name"]).write_text("other")
    assert "none of the files" in themis("verify", first["name"], snapshot["url"], code=1).stdout
    assert "there are" in themis("pull", snapshot["url"], "--only", "*.csv", code=1).stderr
    assert "themis ls snapshots" in themis("pull", "nonsense", code=1).stderr
    themis("pull", "artifacts/999999", code=1)


def test_an_index_is_pulled_as_a_folder_that_opens(
    themis: Themis, made: dict[str, dict[str, Any]], home: Path
) -> None:
    index = made["index"]
    themis("pull", index["url"], "-o", "laws")
    assert [path.name for path in home.iterdir()] == ["laws"], "no archive is left"
    assert len(ThemisDataset("laws")) == index["num_samples"]
    themis("verify", "laws")
    themis("verify", "laws", index["url"])
    themis("pull", index["url"], "-o", "laws")
    (home / "laws" / "samples.jsonl").write_text("{}\n")
    assert "samples.jsonl is damaged" in themis("verify", "laws", code=1).stdout
    assert "already" in themis("pull", index["url"], "-o", "laws", code=1).stderr
    themis("pull", index["url"], "-o", "laws", "--replace")
    themis("verify", "laws")
    # Nothing that is not an index is ever removed.
    (home / "mine").mkdir()
    (home / "mine" / "thesis.txt").write_text("years of work")
    themis("pull", index["url"], "-o", "mine", "--replace", code=1)
    assert (home / "mine" / "thesis.txt").read_text() == "years of work"


def test_a_link_needs_no_login_and_gets_no_token(
    live: Running, themis: Themis, made: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(live.url, live.known["token"]) as client:
        link = client.post("links/", {"export": made["export"]["id"]})
    with before(live.port) as proxy:
        path = link["files"][0]["url"].partition("/d/")[2]
        themis("pull", f"{proxy.url}/d/{path}")
        assert sha256_of(Path(link["files"][0]["name"])) in {
            file["sha256"] for file in made["export"]["files"]
        }
        assert not [request for request in proxy.requests if b"authorization" in request.lower()]
        monkeypatch.delenv("THEMIS_TOKEN")
        themis("pull", f"{proxy.url}/d/{path}", "-o", "again.jsonl")
        several = link["url"].partition("/d/")[2]
        assert "several files" in themis("pull", f"{proxy.url}/d/{several}", code=1).stderr
        themis("pull", f"{proxy.url}/d/forged", code=1)


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
