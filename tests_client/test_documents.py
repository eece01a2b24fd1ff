"""What the documents show runs as it stands there."""

import tarfile
from pathlib import Path

import pytest

from tests_client.conftest import Live
from tests_client.documents import run
from themisdb_datasets import Client


@pytest.fixture(autouse=True)
def _reader(live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader has a folder to work in, and has set the two variables."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THEMIS_URL", live.url)
    monkeypatch.setenv("THEMIS_TOKEN", live.token)


def test_the_readme_reads_a_stream() -> None:
    names = run("README.md")
    assert set(names["sample"]) >= {"instruction", "output", "weight", "metadata"}


def test_the_readme_of_the_package_trains_on_batches() -> None:
    names = run("themisdb_datasets/README.md")
    assert set(names["batch"]) >= {"instruction", "output", "weight"}
    assert names["sample"]["instruction"]


def test_the_client_streams_downloads_and_uploads(tmp_path: Path) -> None:
    names = run("docs/client.md")
    assert len(names["lines"].splitlines()) == 50
    assert names["num_lines"] == names["plan"].num_samples
    assert (tmp_path / names["path"]).stat().st_size == names["snapshot"]["files"][0]["num_bytes"]
    assert names["done"]["state"] == "succeeded"


def test_huggingface_reads_streams_files_and_cards(tmp_path: Path) -> None:
    names = run("docs/huggingface.md")
    assert len(names["dataset"]) == int(names["card"].split("num_examples: ")[1].split()[0])
    assert (tmp_path / "export" / "README.md").read_text() == names["card"]


def test_indexes_are_read_from_their_folder_and_from_the_server(live: Live, tmp_path: Path) -> None:
    with Client(live.url, live.token) as client:
        dataset = next(each for each in client.pages("datasets/") if "Demo" in each["name"])
        while len(list(client.pages("indexes/"))) < 2:  # the document's has the id 2
            version = client.get(f"datasets/{dataset['id']}/")["latest"]["id"]
            answer = client.post("indexes/", {"kind": "offsets", "version": version})
            client.wait(answer["job"])
        client.download("indexes/2/download/", tmp_path / "index.tar")
    with tarfile.open(tmp_path / "index.tar") as tar:
        tar.extractall(tmp_path / "index", filter="data")
    names = run("docs/indexes.md")
    assert sorted(map(str, names["shuffled"])) == sorted(map(str, names["samples"]))
    assert names["remote"][:40] == names["shuffled"][:40]


def test_feedback_becomes_a_weighting() -> None:
    names = run("docs/feedback.md")
    assert names["dataset"].feedback.num_told == len(names["dataset"])
    assert names["difficulty"]["difficulty"]["num_samples"] == len(names["dataset"])
    longest = max(len(sample["output"]) for sample in names["hard"])
    assert abs(names["difficulty"]["results"][0]["difficulty"] - longest / 1000) < 1e-3
    assert len({sample["weight"] for sample in names["hard"]}) > 10


def test_pytorch_trains_resumes_and_mixes(tmp_path: Path) -> None:
    names = run("docs/pytorch.md")
    assert names["num_samples"] == 2 * len(names["dataset"])
    assert names["num_left"] == len(names["dataset"]) - 10 * 32
    assert names["sample"]["output"]
    assert len(list((tmp_path / "cache" / "used").iterdir())) == 1
    assert len(names["mixed"]) > len(names["turn"]) > 0


def test_training_applies_the_weights_in_a_loop_and_in_trainer() -> None:
    names = run("docs/training.md")
    assert names["loss"].item() > 0
    assert names["trainer"].state.global_step == 2
