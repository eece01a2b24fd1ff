"""A version with deletions is, to whoever reads it, the version of what is left."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.versions import found, make_version
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.plans.delivery import Delivery
from themisdb_datasets.engine.plans.plan import Plan
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.selection import SelectionCache, count
from themisdb_datasets.engine.versions import deletions, diff
from themisdb_datasets.engine.versions.browse import Question
from themisdb_datasets.engine.versions.version import OpenVersion, version_digest
from themisdb_datasets.engine.weights.weighting import Explicit, Weighting
from themisdb_datasets.errors import CorruptError, NotFoundError
from themisdb_datasets.order import Ordering

EVEN = parse_filter({"field": "n", "op": "in", "value": list(range(0, 60, 2))})


def sample(n: int) -> dict[str, Any]:
    """Number n; some fields are in some samples only, and of other types there."""
    return {"id": f"s/{n}", "n": n, "w": n % 3 / 2, "text": f"§ {n} " * (n % 7 + 1)} | (
        {"rare": n if n % 2 else "ä"} if n % 10 == 3 else {"rare": None} if n % 10 == 4 else {}
    )


def both(root: Path, dead: list[int]) -> tuple[OpenVersion, OpenVersion]:
    """60 samples in three shards less `dead`, and the rest as shards of its own."""
    whole = make_version(root, *([sample(n) for n in range(*cut)] for cut in ((0, 25), (25, 26), (26, 60))))
    gone = [np.array([n - start for n in dead if start <= n < stop], np.int64)
            for start, stop in ((0, 25), (25, 26), (26, 60))]  # fmt: skip
    left = OpenVersion(whole.parts, tuple(rows if len(rows) else None for rows in gone))
    return left, make_version(root, [sample(n) for n in range(60) if n not in dead])


DEAD = [[0], [59], [3, 13, 24, 25, 26, 27, 33], list(range(25)), [n for n in range(60) if n % 7]]


@pytest.fixture(params=DEAD, ids=str)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[OpenVersion, OpenVersion]:
    return both(tmp_path, request.param)


def test_samples_sizes_fields_and_digest_are_those_of_what_is_left(
    pair: tuple[OpenVersion, OpenVersion],
) -> None:
    left, fresh = pair
    assert [left.line(n) for n in range(left.num_samples)] == [
        fresh.line(n) for n in range(fresh.num_samples)
    ]
    assert (left.num_bytes, version_digest(left)) == (fresh.num_bytes, version_digest(fresh))
    told = {field.name: (set(field.types), field.nulls, field.absent) for field in left.fields}
    assert told == {field.name: (set(field.types), field.nulls, field.absent) for field in fresh.fields}
    with pytest.raises(IndexError):
        left.line(left.num_samples)


def test_filters_searches_and_orders_see_what_is_left_only(pair: tuple[OpenVersion, OpenVersion]) -> None:
    left, fresh = pair
    assert count(left, [EVEN]) == count(fresh, [EVEN])
    for question in (
        Question(),
        Question(where=EVEN),
        Question(search="§ 5"),
        Question(order_by="text", descending=True),
        Question(order_by="w"),
    ):
        assert found(left, question) == found(fresh, question), question


def test_streams_and_weights_are_those_of_what_is_left(
    pair: tuple[OpenVersion, OpenVersion], tmp_path: Path
) -> None:
    left, fresh = pair
    cache = SelectionCache(tmp_path / "selections")
    for unique in (None, (parse_value("w"),)):
        for order in ("stored", "shuffled"):
            criteria = Criteria((EVEN,), Weighting(explicit=Explicit("w", 1.0)), unique)
            form = Format(
                "instruction_tuning", {"instruction": parse_value("id"), "output": parse_value("text")}
            )
            plan = Plan("0" * 64, criteria, form, Ordering(order, 7, 0))
            streams = []
            for name, version in (("left", left), ("fresh", fresh)):
                selection = cache.get(version, name, criteria)
                delivery = Delivery(plan, version, [selection])
                window = delivery.window(0, None)
                streams.append(b"".join(chunk.data for chunk in delivery.chunks(window)))
            assert streams[0] == streams[1] != b""


def test_nothing_differs_between_the_two(pair: tuple[OpenVersion, OpenVersion], tmp_path: Path) -> None:
    left, fresh = pair
    (tmp_path / "same").mkdir()
    diff.fill(tmp_path / "same", left, fresh, key_field="id")
    assert diff.Diff.open(tmp_path / "same").counts == diff.DiffCounts(0, 0, 0, left.num_samples, {})


def test_a_difference_names_positions_of_each_version(tmp_path: Path) -> None:
    left, fresh = both(tmp_path, [3, 13, 26])
    (tmp_path / "diff").mkdir()
    older = OpenVersion(fresh.parts, (np.array([0, 5]),))
    diff.fill(tmp_path / "diff", left, older, key_field="id")
    found = diff.Diff.open(tmp_path / "diff")
    assert [left.line(n) for n in found.added.tolist()] == [fresh.line(0), fresh.line(5)]
    assert not len(found.removed)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 39))
def test_rows_and_positions_are_each_others_inverse(dead: list[bool], cut: int) -> None:
    class Part:
        def __init__(self, count: int) -> None:
            self.num_samples = count

    halves = [np.flatnonzero(dead[:cut]), np.flatnonzero(dead[cut:])]
    sizes = [len(dead[:cut]), len(dead[cut:])]
    version = OpenVersion(tuple(map(Part, sizes)), tuple(halves))  # type: ignore[arg-type]
    live = np.flatnonzero(~np.array(dead))
    order = np.random.default_rng(cut).permutation(len(live))
    assert version.num_samples == len(live)
    assert version.rows_of(order).tolist() == live[order].tolist()
    assert version.positions_of(live[order]).tolist() == order.tolist()


def test_deletions_are_kept_as_a_file_that_is_checked(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    digest = deletions.publish(np.array([1, 4, 5]), store=store, workdir=tmp_path)
    path = store.path(deletions.KIND, digest)
    assert deletions.read(path, num_rows=6).tolist() == [1, 4, 5]
    with pytest.raises(CorruptError):
        deletions.read(path, num_rows=5)
    with pytest.raises(NotFoundError):
        deletions.read(path.with_name("0" * 64), num_rows=6)
