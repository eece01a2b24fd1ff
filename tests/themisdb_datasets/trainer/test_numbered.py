"""Samples by number from folders: like a list, a batch at once, truly shuffled, shared by threads, forks and pickles."""

import json
import multiprocessing
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_forager.datasets.jsonl import JsonlDataset as TheirJsonlDataset
from data_forager.datasets.tokens import TokensDataset as TheirTokensDataset
from data_forager.index_stores.fs_based import IndexStore

from tests.processes import ROOT
from tests.tokenizers import byte_level
from tests.versions import make_version
from themisdb_datasets.engine.indexes.packing import Packing, build_tokens
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.errors import CorruptError, MalformedError, NotFoundError
from themisdb_datasets.offsets import index_files
from themisdb_datasets.order import ShuffledOrder
from themisdb_datasets.trainer.numbered import JsonlDataset, ThemisDataset, TokensDataset

SAMPLES: list[dict[str, Any]] = [{"n": n, "text": f"§ {n} " * (n % 7)} for n in range(500)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An index folder over two files."""
    for name, some in (("a.jsonl", SAMPLES[:200]), ("b.jsonl", SAMPLES[200:])):
        lines = (json.dumps(sample, ensure_ascii=False).encode() + b"\n" for sample in some)
        (tmp_path / name).write_bytes(b"".join(lines))
    index_files(tmp_path, [tmp_path / "a.jsonl", tmp_path / "b.jsonl"])
    return tmp_path


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """The folder of a token index, 16 tokens a sample."""
    packing = Packing(parse_value("text"), 16, None, None)
    version = make_version(tmp_path, SAMPLES)
    build_tokens(
        version,
        range(len(SAMPLES)),
        packing,
        byte_level(),
        tmp_path / "tokens",
        stem="corpus",
        report=lambda done: None,
    )
    return tmp_path / "tokens"


def test_it_is_read_like_a_list_and_a_batch_at_once(folder: Path) -> None:
    dataset = ThemisDataset(folder)
    assert len(dataset) == 500
    assert list(dataset) == SAMPLES
    assert dataset[3] == dataset[np.int64(3)] == SAMPLES[3]
    assert dataset[-1] == SAMPLES[-1]
    assert dataset[198:203] == SAMPLES[198:203]
    assert dataset[::-100] == SAMPLES[::-100]
    assert dataset[:] == SAMPLES
    assert dataset.__getitems__([5, -1, 300]) == [SAMPLES[n] for n in (5, -1, 300)]
    for outside in (500, -501):
        with pytest.raises(IndexError, match="of 500"):
            dataset[outside]
        with pytest.raises(IndexError, match="of 500"):
            dataset.__getitems__([0, outside])


def test_shuffled_it_is_a_permutation_of_all_and_the_one_that_a_stream_has(folder: Path) -> None:
    dataset = ThemisDataset(folder, shuffle=True, seed=7, epoch=2)
    numbers = [sample["n"] for sample in dataset]
    assert sorted(numbers) == list(range(500))
    order = ShuffledOrder(500, seed=7, epoch=2).at(np.arange(500, dtype=np.uint64))
    assert numbers == order.tolist()
    assert dataset[-1]["n"] == numbers[-1]
    assert [sample["n"] for sample in dataset[10:20]] == numbers[10:20]
    dataset.set_epoch(3)
    again = [sample["n"] for sample in dataset]
    assert again != numbers and sorted(again) == sorted(numbers)
    assert [sample["n"] for sample in ThemisDataset(folder, shuffle=True, seed=8, epoch=2)] != numbers


def test_it_goes_to_other_processes_by_pickle_and_by_fork(folder: Path) -> None:
    dataset = ThemisDataset(folder, shuffle=True, seed=1, epoch=4)
    expected = list(dataset)
    assert list(pickle.loads(pickle.dumps(dataset))) == expected
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        parts = pool.map(_Reader(dataset), [range(start, start + 125) for start in range(0, 500, 125)])
    assert [sample for part in parts for sample in part] == expected
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:  # which shares the parent's files
        os.write(writer, b"\1" if list(dataset) == expected else b"\0")
        os._exit(0)
    assert list(dataset) == expected
    assert os.read(reader, 1) == b"\1"
    os.waitpid(child, 0)
    for end in (reader, writer):
        os.close(end)


class _Reader:
    def __init__(self, dataset: ThemisDataset) -> None:
        self.dataset = dataset

    def __call__(self, numbers: range) -> list[Any]:
        return self.dataset.__getitems__(numbers)


def test_threads_read_it_at_the_same_time(folder: Path, tokens: Path) -> None:
    lines = JsonlDataset.create_from_index_on_filesystem(str(folder))
    packed = TokensDataset.create_from_index_on_filesystem(tokens)
    whole = np.stack(list(packed))

    def read(seed: int) -> bool:
        numbers = np.random.default_rng(seed).permutation(500)
        few = numbers % len(whole)
        return [sample["n"] for sample in lines.__getitems__(numbers)] == numbers.tolist() and np.array_equal(
            np.stack(packed.__getitems__(few)), whole[few]
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(16)))


def test_data_foragers_constructors_give_the_same_samples_as_data_forager(folder: Path, tokens: Path) -> None:
    theirs = TheirJsonlDataset.create_from_index_on_filesystem(str(folder))
    ours = JsonlDataset.create_from_index_on_filesystem(str(folder), index_data_folder="index", name="laws")
    ours.initialize()
    assert ours.is_initialized and ours.name == "laws"
    assert len(ours) == len(theirs) == 500
    assert list(ours) == [theirs[n] for n in range(500)]
    of_their_index = JsonlDataset(IndexStore(str(folder)).load(), text_encoding="utf-8")
    assert list(of_their_index) == list(pickle.loads(pickle.dumps(of_their_index))) == list(ours)

    their_tokens = TheirTokensDataset.create_from_index_on_filesystem(str(tokens), token_dtype=np.uint16)
    our_tokens = TokensDataset.create_from_index_on_filesystem(str(tokens), token_dtype=np.uint16)
    unsaid = TokensDataset.create_from_index_on_filesystem(str(tokens))
    assert len(our_tokens) == len(their_tokens) > 20
    for n in range(len(our_tokens)):
        assert our_tokens[n].dtype == np.uint16
        assert np.array_equal(our_tokens[n], their_tokens[n]) and np.array_equal(unsaid[n], their_tokens[n])
    assert np.array_equal(TokensDataset(IndexStore(str(tokens)).load(), np.uint16)[5], our_tokens[5])
    assert our_tokens[0].flags.writeable, "torch takes no array that is not"


def test_lines_in_another_encoding_are_read(tmp_path: Path) -> None:
    (tmp_path / "old.jsonl").write_bytes('{"law": "Lärm"}\n'.encode("latin-1"))
    index_files(tmp_path, [tmp_path / "old.jsonl"])
    dataset = JsonlDataset.create_from_index_on_filesystem(tmp_path, text_encoding="latin-1")
    assert dataset[0] == pickle.loads(pickle.dumps(dataset))[0] == {"law": "Lärm"}
    with pytest.raises(CorruptError, match="Sample 0"):
        ThemisDataset(tmp_path)[0]


def test_the_folder_of_a_token_index_gives_its_tokens(tokens: Path) -> None:
    dataset = ThemisDataset(tokens, shuffle=True, seed=3)
    stored = np.stack(list(ThemisDataset(tokens)))
    order = ShuffledOrder(len(stored), seed=3, epoch=0).at(np.arange(len(stored), dtype=np.uint64))
    assert stored.shape[1] == 16 and len(stored) > 20
    assert np.array_equal(np.stack(dataset.__getitems__(range(len(stored)))), stored[order])
    (tokens / "manifest.json").unlink()
    with pytest.raises(MalformedError, match="token_dtype"):
        TokensDataset.create_from_index_on_filesystem(tokens)


def test_an_empty_index_is_a_dataset_without_samples(tmp_path: Path) -> None:
    index_files(tmp_path, [])
    dataset = ThemisDataset(tmp_path, shuffle=True)
    assert len(dataset) == 0 and list(dataset) == dataset[:] == []
    with pytest.raises(IndexError):
        dataset[0]


def test_what_is_no_index_is_refused_with_the_remedy(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(NotFoundError, match="unpacked"):
        ThemisDataset(tmp_path / "nothing")
    (tmp_path / "file").touch()
    for opened in (JsonlDataset, TokensDataset):
        with pytest.raises((NotFoundError, MalformedError)):
            opened.create_from_index_on_filesystem(tmp_path / "file")
    with pytest.raises(NotFoundError, match="no index"):
        JsonlDataset.create_from_index_on_filesystem(folder, index_data_folder="elsewhere")


@pytest.fixture
def without_extras(tmp_path: Path) -> Path:
    """A program's folder in which no extra can be imported."""
    blocked = tmp_path / "blocked"
    for name in ("duckdb", "pyarrow", "torch", "datasets", "tokenizers", "jsonschema_rs", "transformers"):
        (blocked / name).mkdir(parents=True)
        (blocked / name / "__init__.py").write_text("raise ModuleNotFoundError(name=__name__)")
    return blocked


def test_folders_are_read_without_any_extra_and_what_needs_one_says_so(
    folder: Path, without_extras: Path
) -> None:
    program = f"""
import themisdb_datasets
from themisdb_datasets import JsonlDataset, ThemisDataset
assert ThemisDataset({str(folder)!r}, shuffle=True)[0]["n"] < 500
print(len(JsonlDataset.create_from_index_on_filesystem({str(folder)!r})))
for name in ("ThemisDBStreamDataset", "load"):
    try:
        getattr(themisdb_datasets, name)
    except ModuleNotFoundError as error:
        print(error)
try:
    ThemisDataset("snapshot.duckdb")
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": f"{without_extras}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "500",
        "This needs torch: pip install 'themisdb-datasets[torch]'",
        "This needs datasets: pip install 'themisdb-datasets[hf]'",
        "This needs pyarrow: pip install 'themisdb-datasets[engine]'",
    ]
