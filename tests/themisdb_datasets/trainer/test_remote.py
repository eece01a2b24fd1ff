"""Samples of an index on the server, by number: the same as those of its download, a batch in one call."""

import io
import json
import pickle
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.processes import until
from tests.running import Running
from tests.tokenizers import byte_level
from themisdb_datasets.client.client import Client
from themisdb_datasets.errors import AuthError, CorruptError, NotFoundError
from themisdb_datasets.trainer.numbered import ThemisDataset
from themisdb_datasets.trainer.remote import RemoteLines, RemoteTokens, open_index, spelled

NUM_SAMPLES = 1_200  # more than one address names
LARGE = 3 << 20  # bytes; three are more than one answer holds


class Counting(Client):
    """A client that notes what it asks for."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.asked: list[tuple[str, Any]] = []

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        self.asked.append((path, (options.get("headers") or {}).get("Range")))
        return super().request(method, path, **options)


@pytest.fixture(scope="module")
def client(live: Running) -> Iterator[Counting]:
    with Counting(live.url, live.known["token"]) as client:
        yield client


def finished(client: Client, answer: dict[str, Any]) -> dict[str, Any]:
    def look() -> Any:
        job = client.get(answer["job"]["url"])
        assert job["state"] not in ("failed", "cancelled"), job
        return job if job["state"] == "succeeded" else None

    job: dict[str, Any] = until(look, what="the job is done")
    return job


@pytest.fixture(scope="module")
def version(live: Running, client: Counting) -> int:
    """Samples with different fields, and three large ones at the end."""
    samples: list[dict[str, Any]] = [{"n": n, "text": f"§ {n} " * (n % 5 + 1)} for n in range(NUM_SAMPLES)]
    samples += [{"n": n, "large": "x" * LARGE} for n in range(3)]
    path = live.data.parent / "remote.jsonl"
    path.write_text("".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples))
    dataset = client.post("datasets/", {"name": "Remote"})
    answer = client.post(f"datasets/{dataset['id']}/versions/", {"path": str(path)})
    return int(finished(client, answer)["result"]["version"])


def built(client: Client, **body: Any) -> int:
    answer = client.post("indexes/", body)
    finished(client, answer)
    return int(answer["index"]["id"])


@pytest.fixture(scope="module")
def lines(client: Counting, version: int) -> int:
    return built(client, kind="offsets", version=version)


@pytest.fixture(scope="module")
def tokens(client: Counting, version: int) -> dict[int | None, int]:
    """Token indexes by their sample size."""
    files = {"file": ("tokenizer.json", json.dumps(byte_level().document).encode())}
    tokenizer = client.request("POST", "tokenizers/", files=files, data={"name": "remote"}).json()["id"]
    about = {"kind": "tokens", "version": version, "tokenizer": tokenizer, "text_field": "text"}
    return {size: built(client, **about, sample_size=size) for size in (16, None)}


def downloaded(client: Client, index: int, folder: Path) -> ThemisDataset:
    data = client.request("GET", f"indexes/{index}/download/").content
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        tar.extractall(folder, filter="data")
    return ThemisDataset(folder)


def over(client: Client, index: int, **options: Any) -> ThemisDataset:
    """The dataset over this client, as `ThemisDataset.remote` makes one over its own."""
    return ThemisDataset(open_index(index, client), **options)


def test_lines_are_those_of_the_download_and_a_batch_is_one_call(
    client: Counting, lines: int, live: Running, tmp_path: Path
) -> None:
    local = downloaded(client, lines, tmp_path)
    dataset = ThemisDataset.remote(lines, live.url, live.known["token"])
    assert len(dataset) == len(local) == NUM_SAMPLES + 3
    assert dataset[:NUM_SAMPLES] == local[:NUM_SAMPLES]
    assert dataset[5] == local[5] == {"n": 5, "text": "§ 5 "}
    assert dataset[-1]["large"] == "x" * LARGE
    counted = over(client, lines)
    client.asked.clear()
    batch = [7, 3, 3, 1100, 0, 1, 2, -4]
    assert counted.__getitems__(batch) == [local[n] for n in batch]
    assert len(client.asked) == 1
    with pytest.raises(IndexError):
        counted.__getitems__([0, NUM_SAMPLES + 3])


def test_a_long_stretch_comes_as_ranges_of_bytes(
    client: Counting, lines: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("themisdb_datasets.trainer.remote.STRETCH", 400)
    local, dataset = downloaded(client, lines, tmp_path), over(client, lines)
    client.asked.clear()
    assert dataset[100:1200] == local[100:1200]
    assert all(asked is not None for _, asked in client.asked)
    assert len(client.asked) == 4 + 2 * 3, "the heads of the download's files, then three stretches"
    client.asked.clear()
    assert dataset[:] == local[:]
    assert len(client.asked) == 2 * 4


def test_what_is_too_large_for_one_answer_comes_in_several(client: Counting, lines: int) -> None:
    found = over(client, lines)[NUM_SAMPLES - 1 :]
    assert [sample["n"] for sample in found] == [NUM_SAMPLES - 1, 0, 1, 2]
    assert [len(sample.get("large", "")) for sample in found] == [0, LARGE, LARGE, LARGE]


def test_shuffled_pickled_and_shared_by_threads_it_is_the_same(
    client: Counting, lines: int, live: Running, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"shuffle": True, "seed": 4, "epoch": 1}
    expected = downloaded(client, lines, tmp_path)
    local = ThemisDataset(tmp_path, **options)
    dataset = pickle.loads(
        pickle.dumps(ThemisDataset.remote(lines, live.url, live.known["token"], **options))
    )
    some = [n for n in range(0, NUM_SAMPLES, 7) if "large" not in local[n]]
    with ThreadPoolExecutor(4) as pool:
        parts = pool.map(dataset.__getitems__, [some[start::4] for start in range(4)])
        assert list(parts) == [[local[n] for n in some[start::4]] for start in range(4)]
    assert dataset[some[0]] != expected[some[0]]


@pytest.mark.parametrize("size", [16, None])
def test_tokens_are_those_of_the_download(
    client: Counting, tokens: dict[int | None, int], tmp_path: Path, size: int | None
) -> None:
    local, dataset = downloaded(client, tokens[size], tmp_path), over(client, tokens[size])
    assert len(dataset) == len(local) > 100
    client.asked.clear()
    for numbers in ([9, 3, 3, -1], range(20, 60), [5], range(len(local))):
        found, expected = dataset.__getitems__(numbers), local.__getitems__(numbers)
        assert [each.tolist() for each in found] == [each.tolist() for each in expected]
        assert {each.dtype for each in found} == {np.dtype("<u2")}
    ranges = [asked for path, asked in client.asked if path.endswith("/blocks/")]
    assert ranges == (["bytes=640-1919", "bytes=160-191", f"bytes=0-{len(local) * 32 - 1}"] if size else [])
    found[0][0] = 1  # which torch wants to be able to


def test_another_index_is_not_believed(client: Counting, lines: int, tokens: dict[int | None, int]) -> None:
    about = client.get(f"indexes/{lines}/")
    with pytest.raises(CorruptError, match="open the index anew"):
        RemoteLines(client, {**about, "sha256": "0" * 64}).__getitems__(list(range(600)))
    about = client.get(f"indexes/{tokens[16]}/")
    about["manifest"]["files"][about["manifest"]["samples"]]["sha256"] = "0" * 64
    with pytest.raises(CorruptError, match="open the index anew"):
        RemoteTokens(client, about).__getitems__([0, 1])


def test_what_is_not_there_or_not_for_oneself_is_said(live: Running) -> None:
    with pytest.raises(NotFoundError):
        ThemisDataset.remote(10**6, live.url, live.known["token"])
    with pytest.raises(AuthError):
        ThemisDataset.remote(1, live.url, "thm_no")


def test_numbers_that_follow_each_other_are_asked_for_as_a_range() -> None:
    assert list(spelled([0, 1, 2, 7, 9, 10, 3, 3, 4])) == ["0:3", "7", "9:11", "3", "3:5"]
    assert list(spelled([4])) == ["4"]
    assert list(spelled([])) == []
