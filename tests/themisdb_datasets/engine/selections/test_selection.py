"""The folder of selections under pressure: whoever asked for one gets it, however soon it is evicted."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.versions import make_version
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.selection import FORGOTTEN_SECONDS, Selection, SelectionCache
from themisdb_datasets.engine.weights.weighting import Explicit, Weighting
from themisdb_datasets.errors import ImpossibleError

VERSION = "0" * 64


def at_least(value: int) -> Criteria:
    keeps = parse_filter({"field": "n", "op": "ge", "value": value})
    return Criteria((keeps,), Weighting(explicit=Explicit("n", 1.0)))


def test_selections_that_evict_each_other_at_once_are_all_given(tmp_path: Path) -> None:
    version = make_version(tmp_path, [{"n": n} for n in range(50)])
    caches = [
        SelectionCache(tmp_path / "selections", max_bytes=1) for _ in range(2)
    ]  # as two processes have them

    def ask(number: int) -> tuple[int, int]:
        selection = caches[number % 2].get(version, VERSION, at_least(number % 7))
        return selection.num_samples, len(selection.draws())

    with ThreadPoolExecutor(8) as pool:
        for number, found in enumerate(pool.map(ask, range(160))):
            assert found == (50 - number % 7, 50 - number % 7)


@pytest.mark.parametrize("name", ["positions.npy", "weights.npy", "counts.json", "draws.npy"])
@pytest.mark.parametrize("left", [None, 0, 130], ids=["nothing", "empty", "a part"])
def test_what_was_left_of_a_selection_is_not_taken_for_one(
    tmp_path: Path, name: str, left: int | None
) -> None:
    version = make_version(tmp_path, [{"n": n} for n in range(50)])
    cache = SelectionCache(tmp_path / "selections")
    selection = cache.get(version, VERSION, at_least(3))
    draws = selection.draws().tolist()
    file = selection.path / name
    content = file.read_bytes()
    file.unlink()
    if left is not None:
        file.write_bytes(content[: min(left, len(content) - 1)])
    again = cache.get(version, VERSION, at_least(3))
    assert (again.num_samples, again.draws().tolist()) == (47, draws)
    # It is whole again for those who come next, who build nothing.
    kept = cache.entry(again.path.name, lambda folder: pytest.fail("It was built again."), Selection.open)
    assert kept.num_samples == 47


def test_what_killed_processes_left_is_removed_after_a_day(tmp_path: Path) -> None:
    version = make_version(tmp_path, [{"n": n} for n in range(50)])
    cache = SelectionCache(tmp_path / "selections")
    path = cache.get(version, VERSION, at_least(3)).path
    old, young = path.parent / ".old", path.parent / ".young"
    for folder in (old, young):
        folder.mkdir()
        (folder / "positions.npy").write_bytes(b"half")
    long_ago = time.time() - FORGOTTEN_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    cache.get(version, VERSION, at_least(4))
    assert not old.exists()
    assert young.exists()


def test_a_selection_that_cannot_be_built_leaves_nothing(tmp_path: Path) -> None:
    cache = SelectionCache(tmp_path / "selections")

    def fill(folder: Path) -> None:
        (folder / "positions.npy").write_bytes(b"half")
        raise ImpossibleError("This cannot be done.")

    with pytest.raises(ImpossibleError):
        cache.selection("a" * 64, fill)
    assert not [path for path in (tmp_path / "selections").rglob("*") if path.is_file()]
