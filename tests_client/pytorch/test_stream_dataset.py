"""ThemisDBStreamDataset in torch's own loaders: nothing lost, nothing twice, whatever the workers, the ranks or the network do."""

import os
import pickle
import signal
import socket
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from tests_client.conftest import NUM_LARGE, Live
from themisdb_datasets import Backoff, Client, Sample, ThemisDBStreamDataset
from themisdb_datasets.errors import AuthError, MalformedError, NotFoundError, PlanChangedError

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


@pytest.fixture(autouse=True)
def _environment(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_URL", live.url)
    monkeypatch.setenv("THEMIS_TOKEN", live.token)


@pytest.fixture
def query(live: Live) -> dict[str, Any]:
    return {"theme": live.themes[0], "order": "shuffled", "seed": 1, "metadata_fields": ["id"]}


def outputs(batches: Iterable[Any]) -> list[str]:
    """What the samples of batches say, in their order."""
    return [text for batch in batches for text in batch["output"]]


def whole(query: dict[str, Any], *, epoch: int = 0) -> list[str]:
    """The same of all samples, read by no dataset."""
    with Client() as client:
        blocks = client.stream({**query, "epoch": epoch})
        return [msgspec.json.decode(line)["output"] for block in blocks for line in block.data.splitlines()]


def test_the_page_of_themisdb_runs_as_it_stands_there(live: Live, tmp_path: Path) -> None:
    base_url, token, num_epochs, losses = live.url, live.token, 2, []

    def train_step(batch: dict[str, Any]) -> float:
        assert set(batch) - {"input"} == {"instruction", "output", "weight", "metadata"}
        assert len(batch["instruction"]) == len(batch["output"]) == len(batch["weight"]) <= 32
        return float(batch["weight"].mean())

    dataset = ThemisDBStreamDataset(
        base_url=base_url,
        token=token,
        query_params={
            "theme": "Rechtssprechung",
            "from_date": "2020-01-01",
            "batch_size": 100,
            "weighting": {"auto_weight_by_freshness": True},
        },
        cache_dir=tmp_path / "cache" / "epoch1",
    )

    dataloader = DataLoader(dataset, batch_size=32)

    for _epoch in range(num_epochs):
        for batch in dataloader:
            loss = train_step(batch)
            losses.append(loss)
    assert len(losses) == 2 * len(dataloader) > 20
    assert losses[: len(dataloader)] == losses[len(dataloader) :]


def test_the_caches_of_the_page(live: Live, tmp_path: Path, query: dict[str, Any]) -> None:
    class CachedThemisDBDataset(ThemisDBStreamDataset):
        @lru_cache(maxsize=10000)  # noqa: B019 - as it stands there
        def _fetch_item(self, index: int) -> Sample:
            return super()._fetch_item(index)

    wanted = whole(query)
    dataset = ThemisDBStreamDataset(query_params=query, cache_dir=None)
    dataset.cache_enabled = True
    hybrid = CachedThemisDBDataset(query_params=query, cache_dir=tmp_path)
    hybrid.cache_enabled = True
    for each in (dataset, hybrid):
        assert [sample["output"] for sample in each] == wanted
        assert [sample["output"] for sample in each] == wanted
    stored = whole({**query, "order": "stored"})
    assert [hybrid[number]["output"] for number in (0, 3, 0)] == [stored[0], stored[3], stored[0]]
    assert hybrid._fetch_item.cache_info().hits == 1
    for each in (ThemisDBStreamDataset(query_params=query), hybrid):
        assert each[np.int64(-1)]["output"] == each[len(stored) - 1]["output"] == stored[-1]
        for number in (len(stored), -len(stored) - 1):
            with pytest.raises(IndexError):
                each[number]


def test_themes_in_turn_and_mixed(live: Live) -> None:
    for theme in live.themes:
        dataset = ThemisDBStreamDataset(query_params={"theme": theme, "from_date": "2000-01-01"})
        assert sum(len(batch["output"]) for batch in DataLoader(dataset, batch_size=32)) == len(dataset) > 0
    themes = [{"theme": theme} for theme in live.themes]
    mixed = ThemisDBStreamDataset(query_params={"themes": themes, "order": "shuffled"})
    assert len(list(mixed)) == len(mixed) > 0


@pytest.mark.parametrize("num_workers", [0, 1, 2, 4])
def test_workers_part_the_samples(query: dict[str, Any], num_workers: int) -> None:
    dataset = ThemisDBStreamDataset(query_params=query)
    loader = DataLoader(
        dataset, batch_size=32, num_workers=num_workers, persistent_workers=num_workers > 0, drop_last=False
    )
    for epoch in (0, 1):
        dataset.set_epoch(epoch)  # which workers that live on are told of too
        got, wanted = outputs(loader), whole(query, epoch=epoch)
        assert Counter(got) == Counter(wanted)
        if num_workers == 0:
            assert got == wanted


def test_spawned_workers_part_the_samples(query: dict[str, Any]) -> None:
    dataset = ThemisDBStreamDataset(query_params=query)
    loader = DataLoader(dataset, batch_size=100, num_workers=2, multiprocessing_context="spawn")
    assert Counter(outputs(loader)) == Counter(whole(query))


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("num_workers", [0, 2])
def test_ranks_get_the_same_number_of_which_none_is_lost(
    query: dict[str, Any], num_workers: int, drop_last: bool
) -> None:
    wanted, world_size = Counter(whole(query)), 3
    parts = []
    for rank in range(world_size):
        dataset = ThemisDBStreamDataset(
            query_params=query, rank=rank, world_size=world_size, drop_last=drop_last
        )
        parts.append(outputs(DataLoader(dataset, batch_size=50, num_workers=num_workers)))
        assert len(parts[-1]) == len(dataset)
    assert len({len(part) for part in parts}) == 1
    together = sum((Counter(part) for part in parts), Counter())
    size = wanted.total()
    if drop_last:
        assert not together - wanted
        assert together.total() == size // world_size * world_size
    else:
        assert not wanted - together
        assert together.total() == -(-size // world_size) * world_size


def test_ranks_of_a_process_group_agree_on_the_plan_of_the_first(live: Live, query: dict[str, Any]) -> None:
    program = textwrap.dedent("""
        import os, sys, msgspec, torch
        from torch import distributed
        from themisdb_datasets import ThemisDBStreamDataset, ThemisError
        rank, query = int(os.environ["RANK"]), msgspec.json.decode(sys.argv[1])
        try:
            ThemisDBStreamDataset(query_params=query)
            raise SystemExit("made before the group is there")
        except ThemisError as error:
            assert "init_process_group" in str(error), error
        distributed.init_process_group("gloo")
        try:  # a theme that only rank 0 asks for, and that is not there
            ThemisDBStreamDataset(query_params={"theme": "Nirgends"} if rank == 0 else query)
            raise SystemExit("it failed at rank 0")
        except ThemisError as error:
            assert "Nirgends" in str(error), error
        mine = query if rank == 0 else {**query, "seed": 999}
        dataset = ThemisDBStreamDataset(query_params=mine)
        assert (dataset.rank, dataset.world_size) == (rank, 2)
        sys.stdout.buffer.write(msgspec.json.encode([dataset.plan, [each["output"] for each in dataset]]))
        distributed.destroy_process_group()
    """)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    command = [sys.executable, "-c", program, msgspec.json.encode(query).decode()]
    ranks = [
        subprocess.Popen(command, env={**shared, "RANK": str(rank)}, stdout=subprocess.PIPE)
        for rank in range(2)
    ]
    (plan, first), (other, second) = [msgspec.json.decode(each.communicate(timeout=240)[0]) for each in ranks]
    assert plan == other
    both = [text for pair in zip(first, second, strict=True) for text in pair]
    assert both[: len(whole(query))] == whole(query)


@pytest.mark.parametrize(
    ("num_workers", "where"), [(0, "stream"), (2, "stream"), (4, "stream"), (0, "cache"), (2, "cache")]
)
def test_a_loader_goes_on_in_mid_epoch(
    query: dict[str, Any], num_workers: int, where: str, tmp_path: Path
) -> None:
    def loader() -> StatefulDataLoader[Any]:
        dataset = ThemisDBStreamDataset(query_params=query, cache_dir=tmp_path if where == "cache" else None)
        dataset.set_epoch(1)
        return StatefulDataLoader(dataset, batch_size=16, num_workers=num_workers)

    wanted = whole(query, epoch=1)
    if where == "cache":
        assert Counter(outputs(loader())) == Counter(wanted)
    for cut in (0, 1, 7, len(wanted) // 16):
        first = loader()
        batches = iter(first)
        got = outputs(next(batches) for _ in range(cut))
        state = first.state_dict()
        del batches, first
        later = loader()
        later.load_state_dict(state)
        rest = outputs(later)
        assert Counter(got + rest) == Counter(wanted), f"after {cut} batches"
        if num_workers == 0:
            assert got + rest == wanted
        assert Counter(outputs(later)) == Counter(wanted), "the next loop is a whole one"


def test_a_state_counts_every_sample_that_was_handed_out(query: dict[str, Any]) -> None:
    dataset = ThemisDBStreamDataset(query_params=query)
    samples = iter(dataset)
    for done in range(len(dataset)):
        assert dataset.state_dict()["done"] == done
        next(samples)
        if done == 150:
            assert pickle.loads(pickle.dumps(dataset)).state_dict() == dataset.state_dict()
    assert next(samples, None) is None
    assert dataset.state_dict()["done"] == len(dataset) > 150


def test_a_state_of_all_ranks_is_gone_on_with_by_another_number_of_ranks(query: dict[str, Any]) -> None:
    def rank(number: int, world_size: int) -> ThemisDBStreamDataset:
        return ThemisDBStreamDataset(query_params=query, rank=number, world_size=world_size)

    got, states = [], []
    for number in range(4):
        dataset = rank(number, 4)
        samples = iter(dataset)
        got += [next(samples)["output"] for _ in range(25)]
        states.append(dataset.state_dict())
    rest = []
    for number in range(3):
        dataset = rank(number, 3)
        dataset.load_state_dict(states[number])
        rest += [sample["output"] for sample in dataset]
    wanted = Counter(whole(query))
    together = Counter(got + rest)
    assert not wanted - together
    assert together.total() - wanted.total() < 3


def test_it_does_not_go_on_with_another_plan(query: dict[str, Any]) -> None:
    dataset = ThemisDBStreamDataset(query_params=query)
    samples = iter(dataset)
    got = [next(samples)["output"] for _ in range(5)]
    other = ThemisDBStreamDataset(query_params={**query, "format": "instruction_tuning", "seed": 2})
    with pytest.raises(PlanChangedError, match="goes on with what the state is of"):
        other.load_state_dict(dataset.state_dict())
    same = ThemisDBStreamDataset(query_params={"cursor": f"{dataset.plan}.0"})
    same.load_state_dict(dataset.state_dict())
    assert got + [sample["output"] for sample in same] == whole(query)


def test_a_state_of_a_part_goes_on_with_no_more_than_that_part(query: dict[str, Any]) -> None:
    part = ThemisDBStreamDataset(query_params={**query, "start": 10, "limit": 40})
    samples = iter(part)
    got = [next(samples)["output"] for _ in range(15)]
    state = part.state_dict()
    whole_one = ThemisDBStreamDataset(query_params={"cursor": f"{part.plan}.0"})
    with pytest.raises(PlanChangedError, match=rf'"cursor": "{part.plan}\.10", "limit": 40'):
        whole_one.load_state_dict(state)
    same = ThemisDBStreamDataset(query_params={"cursor": f"{part.plan}.10", "limit": 40})
    same.load_state_dict(state)
    assert got + [sample["output"] for sample in same] == whole(query)[10:50]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_server_that_is_killed_in_the_middle_is_not_noticed(live: Live, num_workers: int) -> None:
    large = {**live.large, "order": "shuffled"}
    dataset = ThemisDBStreamDataset(query_params=large, prefetch_size=100, backoff=Backoff(first_patience=60))
    numbers: list[int] = []
    web = live.children()["web"]
    for at, batch in enumerate(DataLoader(dataset, batch_size=50, num_workers=num_workers)):
        if at == 4:
            os.kill(web, signal.SIGKILL)
        numbers += [int(text.split()[0]) for text in batch["text"]]
    assert sorted(numbers) == list(range(NUM_LARGE))
    assert numbers != sorted(numbers)


def test_what_is_wrong_is_said_at_once(live: Live, query: dict[str, Any]) -> None:
    with pytest.raises((MalformedError, NotFoundError), match="Rechtssprechung"):
        ThemisDBStreamDataset(query_params={"theme": "Rechtsprechung"})
    with pytest.raises(AuthError):
        ThemisDBStreamDataset(token="thm_0_0", query_params=query)
    with pytest.raises(MalformedError, match="rank is no part of query_params"):
        ThemisDBStreamDataset(query_params={**query, "rank": 0})
    with pytest.raises(MalformedError, match="both rank and world_size"):
        ThemisDBStreamDataset(query_params=query, rank=1)


def test_a_continuous_stream_has_no_length_and_no_end(live: Live) -> None:
    dataset = ThemisDBStreamDataset(query_params={"theme": live.themes[0], "stream_mode": "continuous"})
    with pytest.raises(TypeError):
        len(dataset)
    samples: Iterator[Sample] = iter(dataset)
    assert len([next(samples) for _ in range(50)]) == 50
    state = dataset.state_dict()
    later = ThemisDBStreamDataset(query_params={"cursor": f"{dataset.plan}.0"})
    later.load_state_dict(state)
    assert next(iter(later)) == next(samples)


def test_batches_have_every_key_that_a_sample_has() -> None:
    samples = [
        Sample(instruction="a", weight=1.5, metadata={}, rating=1),
        Sample(instruction="b", input="x", weight=1, metadata={"tags": ["t"], "year": 3}, rating=2),
    ]
    (batch,) = DataLoader(samples, batch_size=2)
    assert batch["instruction"] == ["a", "b"]
    assert batch["input"] == ["", "x"]
    assert batch["metadata"] == {"tags": [None, ["t"]], "year": [None, 3]}
    assert torch.equal(batch["weight"], torch.tensor([1.5, 1.0], dtype=torch.float64))
    assert torch.equal(batch["rating"], torch.tensor([1, 2]))
    huge = [Sample(n=1 << 70), Sample(n=1)]
    assert next(iter(DataLoader(huge, batch_size=2)))["n"] == [1 << 70, 1]


@pytest.mark.parametrize("num_workers", [0, 1])
def test_batches_come_out_of_workers_as_they_were_made(num_workers: int) -> None:
    samples = [Sample(weight=n / 2, metadata={"year": n}, text="ä" * n, tags=[n] * n) for n in range(5)]
    batches = list(DataLoader(samples, batch_size=2, num_workers=num_workers))
    assert len(batches) == 3
    assert torch.equal(batches[1]["weight"], torch.tensor([1.0, 1.5], dtype=torch.float64))
    assert torch.equal(batches[1]["metadata"]["year"], torch.tensor([2, 3]))
    assert (batches[1]["text"], batches[1]["tags"]) == (["ää", "äää"], [[2, 2], [3, 3, 3]])
    batches[1]["weight"].add_(1)  # it can be written to
