"""Themis' streams as HuggingFace datasets: all samples once, as they are declared, shared out, resumed, memory-mapped."""

import base64
import json
import os
import random
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from datasets import Dataset, Features, IterableDataset, Json, List, Value
from datasets.distributed import split_dataset_by_node
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from tests_client.conftest import Live, wait_for
from themisdb_datasets import Client, load, push_card, themisdb_generator
from themisdb_datasets.errors import AuthError, MalformedError, NotFoundError
from themisdb_datasets.huggingface.streams import features_of

NUM_MIXED = 700
ODD: list[Any] = ["12", 12, "null", None, 1.50, [1, {"a": "ä"}], {}, "", "true", True, 12345678901234567]


@pytest.fixture(autouse=True)
def _environment(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_URL", live.url)
    monkeypatch.setenv("THEMIS_TOKEN", live.token)


def take_in(live: Live, name: str, samples: Iterable[dict[str, Any]]) -> None:
    """The samples as a version of a dataset."""
    path = live.data.parent / f"{name}.jsonl"
    path.write_text("".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples))
    with Client() as client:
        known = [each["id"] for each in client.pages("datasets/") if each["name"] == name]
        dataset = known[0] if known else client.post("datasets/", {"name": name})["id"]
        answer = client.post(f"datasets/{dataset}/versions/", {"path": str(path), "mode": "append"})
        wait_for(lambda: client.get(answer["job"]["url"])["state"] == "succeeded")


def mixed(number: int) -> dict[str, Any]:
    return {
        "n": number,
        "any": ODD[number % len(ODD)],
        "question": f"§ {number}?",
        "answer": "ja" * (number % 3 + 1),
    }


@pytest.fixture(scope="session")
def query(live: Live) -> dict[str, Any]:
    """A query for samples with values of all kinds."""
    os.environ |= {"THEMIS_URL": live.url, "THEMIS_TOKEN": live.token}
    take_in(live, "Mixed", map(mixed, range(NUM_MIXED)))
    return {"dataset": "Mixed", "metadata_fields": ["n", "any"]}


def numbers(samples: Iterable[Any]) -> list[int]:
    return [sample["metadata"]["n"] for sample in samples]


def first(batch: list[Any]) -> Any:
    return batch[0]


def loader(dataset: Any, *, workers: int, stateful: bool = False) -> Any:
    """One sample a batch, as it is."""
    kind = StatefulDataLoader if stateful else DataLoader
    return kind(dataset, batch_size=1, num_workers=workers, collate_fn=first)


def test_the_page_of_themisdb_runs_as_it_stands_there(live: Live) -> None:
    dataset = IterableDataset.from_generator(
        themisdb_generator,
        gen_kwargs={
            "base_url": live.url,
            "token": live.token,
            "query_params": {"theme": "Immissionsschutz", "format": "instruction_tuning"},
        },
    )
    samples = list(dataset)
    with Client() as client, client.stream({"theme": "Immissionsschutz"}) as stream:
        lines = [json.loads(line) for block in stream for line in block.data.splitlines()]
    assert samples == lines and len(lines) > 1_000
    assert list(loader(dataset, workers=2)) == lines, "two workers read it once"


def test_features_are_declared_and_every_value_survives(query: dict[str, Any]) -> None:
    dataset = load(query)
    assert isinstance(dataset, IterableDataset)
    assert dataset.features == Features(
        {
            "instruction": Value("string"),
            "output": Value("string"),
            "weight": Value("float64"),
            "metadata": {"n": Value("int64"), "any": Json()},
        }
    )
    samples = list(dataset)
    assert numbers(samples) == list(range(NUM_MIXED)), "in the order of the plan"
    for number, sample in enumerate(samples):
        expected = mixed(number)
        assert sample["instruction"] == expected["question"] and sample["output"] == expected["answer"]
        found = sample["metadata"]["any"]
        assert (found, type(found)) == (expected["any"], type(expected["any"])), number
    chat = load({**query, "format": "chat_completion", "include_metadata": False}).features
    assert chat == Features(
        {"messages": List({"role": Value("string"), "content": Value("string")}), "weight": Value("float64")}
    )


def test_features_of_ones_own_are_taken(query: dict[str, Any]) -> None:
    features = Features({"instruction": Value("large_string"), "weight": Value("float32")})
    dataset = load({**query, "include_metadata": False}, features=features)
    assert dataset.features == features
    assert next(iter(dataset.take(1))).items() >= {"instruction": "§ 0?", "weight": 1.0}.items()


@pytest.mark.parametrize(("world_size", "workers"), [(1, 2), (2, 0), (4, 2)])
def test_nodes_and_workers_share_it_out(query: dict[str, Any], world_size: int, workers: int) -> None:
    dataset = load(query, num_shards=8)
    parts = [split_dataset_by_node(dataset, rank, world_size) for rank in range(world_size)]
    found = [numbers(loader(part, workers=workers)) for part in parts]
    assert sorted(number for part in found for number in part) == list(range(NUM_MIXED))


def test_with_drop_last_all_nodes_have_as_many(query: dict[str, Any]) -> None:
    dataset = load(query, num_shards=8, drop_last=True)
    found = [numbers(split_dataset_by_node(dataset, rank, 4)) for rank in range(4)]
    assert [len(part) for part in found] == [NUM_MIXED // 8 * 2] * 4
    assert len({number for part in found for number in part}) == NUM_MIXED // 8 * 8


def test_it_is_resumed_where_its_state_was_taken(query: dict[str, Any]) -> None:
    dataset = load(query, num_shards=8)
    for taken in (0, 1, 87, 88, 250, NUM_MIXED - 1):
        iterator = iter(dataset)
        before = numbers(next(iterator) for _ in range(taken))
        again = load(query, num_shards=8)
        again.load_state_dict(dataset.state_dict() if taken else again.state_dict())
        assert before + numbers(again) == list(range(NUM_MIXED))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stateful_loader_resumes_it_in_mid_epoch(query: dict[str, Any], workers: int) -> None:
    running = loader(load(query, num_shards=8), workers=workers, stateful=True)
    iterator = iter(running)
    before = numbers(next(iterator) for _ in range(301))
    state = running.state_dict()
    rest = numbers(iterator)
    resumed = loader(load(query, num_shards=8), workers=workers, stateful=True)
    resumed.load_state_dict(state)
    assert numbers(resumed) == rest
    assert sorted(before + rest) == list(range(NUM_MIXED))


def test_epochs_of_a_shuffled_query_are_shuffled_anew(query: dict[str, Any]) -> None:
    shuffled = {**query, "order": "shuffled", "seed": 5}
    found = numbers(load(shuffled, epochs=2))
    one, two = found[:NUM_MIXED], found[NUM_MIXED:]
    assert one != two and sorted(one) == sorted(two) == list(range(NUM_MIXED))
    assert one == numbers(themisdb_generator(query_params=shuffled))
    assert two == numbers(themisdb_generator(query_params={**shuffled, "epoch": 1}))
    assert two == numbers(load({**shuffled, "epoch": 1}))
    assert numbers(load(query, epochs=2)) == list(range(NUM_MIXED)) * 2


def test_a_part_of_a_query_is_that_part(query: dict[str, Any]) -> None:
    assert numbers(load({**query, "start": 100, "limit": 50})) == list(range(100, 150))
    cursor = load(query).info.description.split()[-1]
    assert numbers(load({"cursor": cursor, "limit": 3})) == [0, 1, 2]
    assert numbers(load({**query, "start": NUM_MIXED})) == []


def num_streams() -> int:
    with Client() as client:
        return sum(1 for _ in client.pages("/api/export"))


def test_memory_mapped_it_is_fetched_once_a_plan(live: Live, query: dict[str, Any], tmp_path: Path) -> None:
    take_in(live, "Growing", [mixed(0), mixed(1)])
    growing = {**query, "dataset": "Growing"}
    dataset = load(growing, streaming=False, cache_dir=tmp_path)
    assert isinstance(dataset, Dataset) and dataset.cache_files, "which are memory-mapped"
    assert numbers(dataset) == [0, 1] and dataset[1]["metadata"]["any"] == 12
    assert dataset.features == load(growing).features
    before = num_streams()
    again = load(growing, streaming=False, cache_dir=tmp_path)
    assert numbers(again) == [0, 1] and again.cache_files == dataset.cache_files
    assert num_streams() == before
    pinned = load(growing)
    take_in(live, "Growing", [mixed(2)])
    assert numbers(pinned) == [0, 1], "as when it was made"
    newer = load(growing, streaming=False, cache_dir=tmp_path)
    assert numbers(newer) == [0, 1, 2]
    assert newer.cache_files != dataset.cache_files
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert live.token.encode() not in written


def test_several_processes_fill_a_memory_mapped_one(query: dict[str, Any], tmp_path: Path) -> None:
    dataset = load(query, streaming=False, cache_dir=tmp_path, num_proc=2)
    assert numbers(dataset) == list(range(NUM_MIXED))
    some = random.Random(1).sample(range(NUM_MIXED), 20)
    assert [dataset[number]["metadata"]["any"] for number in some] == [
        mixed(number)["any"] for number in some
    ]


@pytest.mark.parametrize("streaming", [True, False])
def test_a_query_that_nothing_answers_to_is_an_empty_dataset(live: Live, streaming: bool) -> None:
    query = {"theme": live.themes[0]}
    dataset = load({**query, "from_date": "2999-01-01"}, streaming=streaming)
    assert list(dataset) == []
    assert dataset.features == load(query).features


def test_what_cannot_be_is_refused_at_once(query: dict[str, Any]) -> None:
    for name, value in {"rank": 1, "world_size": 2, "stream_mode": "continuous"}.items():
        with pytest.raises(MalformedError, match="split_dataset_by_node"):
            load({**query, name: value})
    with pytest.raises(AuthError):
        load(query, token="thm_wrong")
    with pytest.raises((NotFoundError, MalformedError)):
        load({"theme": "Unbekannt"})


class Hub(ThreadingHTTPServer):
    """What of the Hub a card needs, on this machine; it keeps what was sent to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked: list[tuple[str, bytes, str]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Answers(BaseHTTPRequestHandler):
    server: Hub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.path, body, self.headers.get("Authorization", "")))
        answer: dict[str, Any] = {"url": f"{self.server.url}/datasets/me/laws", "id": "me/laws"}
        if self.path.endswith("/preupload/main"):
            files = json.loads(body)["files"]
            answer = {"files": [{**each, "uploadMode": "regular", "shouldIgnore": False} for each in files]}
        if "/commit/" in self.path:
            answer = {
                "commitUrl": f"{self.server.url}/datasets/me/laws/commit/1",
                "commitOid": "1",
                "success": True,
            }
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
    yield server
    server.shutdown()
    server.server_close()


def test_a_card_is_pushed_with_the_hubs_own_token_and_says_the_features(
    query: dict[str, Any], hub: Hub
) -> None:
    card = push_card(query, repo_id="me/laws", hub_token="hf_mine", license="cc0-1.0")
    (commit,) = [body for path, body, _ in hub.asked if "/commit/" in path]
    sent = [json.loads(line) for line in commit.splitlines()]
    (file,) = [each["value"] for each in sent if each["key"] == "file"]
    assert file["path"] == "README.md"
    assert base64.b64decode(file["content"]).decode() == card
    assert {token for _, _, token in hub.asked} == {"Bearer hf_mine"}, "never that of Themis"
    head = yaml.safe_load(card.split("---\n")[1])
    with Client() as client:
        fields = client.plan(query).answer["fields"]
    assert head["dataset_info"]["features"] == features_of(fields)._to_yaml_list()
