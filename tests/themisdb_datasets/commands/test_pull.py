"""`themis pull`: files come checked, once, and by links too."""

from pathlib import Path
from typing import Any

import pytest

from tests.running import Running
from tests.themisdb_datasets.conftest import Themis, answer
from tests.themisdb_datasets.proxy import before, cut, passed, refused
from themisdb_datasets import Client, ThemisDataset
from themisdb_datasets.client.download import sha256_of

pytestmark = pytest.mark.usefixtures("home")


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
