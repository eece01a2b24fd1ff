"""Map-style datasets in torch's loaders: batches of samples that differ in their fields, shuffled, in workers."""

import pickle
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from tests_client.conftest import Live, wait_for
from themisdb_datasets import Client, JsonlDataset, Sample, ThemisDataset, TokensDataset

NUM_SAMPLES = 200


def write_index(folder: Path, parts: list[bytes]) -> None:
    """An index in data-forager's layout over one file with these samples."""
    (folder / "index").mkdir()
    sizes = np.array([len(part) for part in parts], np.uint64)
    places = np.stack([np.zeros_like(sizes), np.cumsum(sizes) - sizes, sizes], axis=1)
    (folder / "samples").write_bytes(b"".join(parts))
    (folder / "index" / "file_location.txt").write_text("samples\n")
    (folder / "index" / "sample_locations.bin").write_bytes(np.ascontiguousarray(places).tobytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    samples: list[dict[str, Any]] = [{"n": n, "text": f"§ {n}"} for n in range(NUM_SAMPLES)]
    for sample in samples[::3]:
        sample["note"] = "only here"
    write_index(tmp_path, [msgspec.json.encode(sample) + b"\n" for sample in samples])
    return tmp_path


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_reads_every_sample_once_in_batches(folder: Path, workers: int) -> None:
    for dataset in (
        ThemisDataset(folder, shuffle=True, seed=1),
        JsonlDataset.create_from_index_on_filesystem(folder),
    ):
        batches = list(DataLoader(dataset, batch_size=32, num_workers=workers))
        numbers = torch.cat([batch["n"] for batch in batches]).tolist()
        assert numbers == [sample["n"] for sample in dataset], "in its own order"
        assert sorted(numbers) == list(range(NUM_SAMPLES))
        notes = [note for batch in batches for note in batch["note"]]
        assert [note != "" for note in notes] == [number % 3 == 0 for number in numbers]


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_that_live_on_are_told_of_the_next_epoch(folder: Path, context: str) -> None:
    dataset = ThemisDataset(folder, shuffle=True, seed=1)
    loader = DataLoader(
        dataset, batch_size=32, num_workers=2, persistent_workers=True, multiprocessing_context=context
    )
    for epoch in (0, 3, 1):
        dataset.set_epoch(epoch)
        numbers = torch.cat([batch["n"] for batch in loader]).tolist()
        fresh = ThemisDataset(folder, shuffle=True, seed=1, epoch=epoch)
        assert numbers == [sample["n"] for sample in fresh]
        assert pickle.loads(pickle.dumps(dataset))[7] == fresh[7]


def test_a_stateful_loader_goes_on_in_mid_epoch(folder: Path) -> None:
    def loader() -> Any:
        generator = torch.Generator().manual_seed(3)
        return StatefulDataLoader(
            ThemisDataset(folder), batch_size=8, num_workers=2, shuffle=True, generator=generator
        )

    running = loader()
    iterator = iter(running)
    before = [next(iterator)["n"] for _ in range(9)]
    state = running.state_dict()
    rest = torch.cat([batch["n"] for batch in iterator]).tolist()
    resumed = loader()
    resumed.load_state_dict(state)
    assert torch.cat([batch["n"] for batch in resumed]).tolist() == rest
    assert sorted(torch.cat(before).tolist() + rest) == list(range(NUM_SAMPLES))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_parquet_snapshot_is_read_by_workers_without_duckdb(tmp_path: Path, workers: int) -> None:
    ids = [f"s/{n}" for n in range(NUM_SAMPLES)]
    table = {"position": list(range(NUM_SAMPLES)), "id": ids, "weight": [1.0] * NUM_SAMPLES}
    pq.write_table(pa.table(table), tmp_path / "samples.parquet")
    assert find_spec("duckdb") is None
    dataset = ThemisDataset(tmp_path)
    assert dataset[:] == [Sample(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    batches = DataLoader(dataset, batch_size=32, shuffle=True, num_workers=workers)
    assert sorted(each for batch in batches for each in batch["id"]) == sorted(ids)


@pytest.mark.filterwarnings("error")
def test_tokens_become_tensors_without_a_warning(tmp_path: Path) -> None:
    tokens = np.arange(64 * 16, dtype=np.uint16).reshape(64, 16)
    write_index(tmp_path, [row.tobytes() for row in tokens])
    dataset = TokensDataset.create_from_index_on_filesystem(tmp_path, token_dtype=np.uint16)
    batches = list(DataLoader(dataset, batch_size=16))
    assert [tuple(batch.shape) for batch in batches] == [(16, 16)] * 4
    assert torch.cat(batches).long().tolist() == tokens.tolist()


def test_an_index_on_the_server_is_read_by_workers(live: Live) -> None:
    with Client(live.url, live.token) as client:
        dataset = next(each for each in client.pages("datasets/") if each["name"] == "Large")
        version = client.get(f"datasets/{dataset['id']}/")["latest"]["id"]
        answer = client.post("indexes/", {"kind": "offsets", "version": version})
        wait_for(lambda: client.get(answer["job"]["url"])["state"] == "succeeded")
    remote = ThemisDataset.remote(answer["index"]["id"], live.url, live.token, shuffle=True, seed=2)
    loader = DataLoader(torch.utils.data.Subset(remote, range(300)), batch_size=32, num_workers=2)
    found = torch.cat([batch["id"] for batch in loader]).tolist()
    assert found == [sample["id"] for sample in remote[:300]]
    assert len(set(found)) == 300
    assert found != sorted(found)
