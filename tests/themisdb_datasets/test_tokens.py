"""Token indexes are read from many threads and processes, whoever wrote them."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.themisdb_datasets.engine.indexes.test_packing import build, corpus, forage
from tests.tokenizers import byte_level
from tests.versions import make_version
from themisdb_datasets.errors import MalformedError, NotFoundError
from themisdb_datasets.tokens import TokenIndex


def test_an_index_of_data_forager_is_read_too(tmp_path: Path) -> None:
    packed = forage(tmp_path / "packed", corpus(50), byte_level(), 32)
    single = forage(tmp_path / "single", corpus(50), byte_level(), None, np.uint32)
    assert TokenIndex.open(packed, dtype="uint16").batch([1, 0]).shape == (2, 32)
    texts = [
        byte_level().library.decode(tokens.tolist(), skip_special_tokens=False)
        for tokens in TokenIndex.open(single, dtype="uint32")
    ]
    assert texts == [line["text"] for line in corpus(50)]
    with pytest.raises(MalformedError, match="dtype"):
        TokenIndex.open(packed)
    with pytest.raises(NotFoundError):
        TokenIndex.open(tmp_path, dtype="uint16")


def test_it_reads_from_many_threads_and_processes(tmp_path: Path) -> None:
    build(tmp_path / "ours", make_version(tmp_path, corpus(200)), byte_level(), 16)
    index = TokenIndex.open(tmp_path / "ours")
    assert index.samples is not None
    whole = index.samples.copy()

    def read(seed: int) -> bool:
        numbers = np.random.default_rng(seed).integers(-len(index), len(index), 2_000)
        right = [np.array_equal(index[number], whole[number]) for number in numbers]
        return all(right) and np.array_equal(index.batch(numbers), whole[numbers])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(8)))
    other: TokenIndex = pickle.loads(pickle.dumps(index))
    assert np.array_equal(np.stack(other[-3:]), whole[-3:])
    assert np.array_equal(np.stack(index.__getitems__([5, -1])), whole[[5, -1]])
    for outside in (len(index), -len(index) - 1):
        with pytest.raises(IndexError):
            index[outside]
        with pytest.raises(IndexError):
            index.batch([outside])
    with pytest.raises(ValueError, match="read-only"):
        index[0][0] = 1
