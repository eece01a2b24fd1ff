"""Two weightings compared, beside a plain computation of the same."""

import random
import statistics
from pathlib import Path

import numpy as np
import pytest

from tests.versions import make_version
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.selections import comparison
from themisdb_datasets.engine.selections.comparison import compare
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.selection import Selection, SelectionCache
from themisdb_datasets.engine.weights.rules import parse_rule
from themisdb_datasets.engine.weights.weighting import Weighting
from themisdb_datasets.errors import CorruptError


def selected(folder: Path, weights: list[float]) -> Selection:
    units = np.array([round(weight * 10_000) for weight in weights], np.uint16)
    return Selection(folder, 2 * np.arange(len(weights), dtype=np.uint32), units)


@pytest.mark.parametrize("block", [7, 1 << 20])
def test_it_is_what_a_plain_computation_finds(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "BLOCK", block)
    chance = random.Random(2)
    a, b = ([round(chance.choice([0, 0.5, chance.random() * 2]), 4) for _ in range(200)] for _ in range(2))
    found = compare(selected(tmp_path, a), selected(tmp_path, b), length=5)
    for side, weights in ((found.a, a), (found.b, b)):
        assert (side.least, side.most, side.num_zero) == (min(weights), max(weights), weights.count(0))
        assert side.mean == pytest.approx(statistics.fmean(weights))
        assert side.effective == pytest.approx(sum(weights) ** 2 / sum(w**2 for w in weights))
    assert found.correlation == pytest.approx(statistics.correlation(a, b))
    shares = ([w / sum(weights) for w in weights] for weights in (a, b))
    assert found.moved == pytest.approx(sum(abs(x - y) for x, y in zip(*shares, strict=True)) / 2)
    assert found.num_gaining == sum(y > x for x, y in zip(a, b, strict=True))
    assert found.num_losing == sum(y < x for x, y in zip(a, b, strict=True))
    by_gain = sorted(range(200), key=lambda index: (round(a[index] - b[index], 4), index))
    assert found.gaining == [(2 * index, a[index], b[index]) for index in by_gain[:5]]
    by_loss = sorted(range(200), key=lambda index: (round(b[index] - a[index], 4), index))
    assert found.losing == [(2 * index, a[index], b[index]) for index in by_loss[:5]]
    assert [sum(column) for column in list(zip(*found.bins, strict=True))[2:]] == [200, 200]
    assert found.bins[0][0] == 0
    assert found.bins[-1][1] == pytest.approx(max(a + b))


def test_equal_weights_and_none_at_all(tmp_path: Path) -> None:
    same = compare(selected(tmp_path, [1.0] * 9), selected(tmp_path, [1.0] * 9))
    assert (same.a.effective, same.moved, same.correlation, same.gaining) == (9, 0, None, [])
    assert same.bins == [(1, 1, 9, 9)]
    nothing = compare(selected(tmp_path, [0.0] * 3), selected(tmp_path, [0, 1.0, 0]))
    assert (nothing.a.effective, nothing.b.effective, nothing.moved) == (0, 1, 0)
    empty = compare(selected(tmp_path, []), selected(tmp_path, []))
    assert (empty.num_samples, empty.bins, empty.correlation) == (0, [], None)
    with pytest.raises(CorruptError):
        compare(selected(tmp_path, [1.0]), selected(tmp_path, []))


def test_selections_of_a_version_are_compared_at_its_positions(tmp_path: Path) -> None:
    version = make_version(tmp_path, [{"n": n} for n in range(50)])
    cache = SelectionCache(tmp_path / "selections")
    rule = parse_rule({"kind": "value", "field": "n", "scale": 0.1})
    where = (parse_filter({"field": "n", "op": "ge", "value": 10}),)
    plain, ruled = (
        cache.get(version, "v", Criteria(where, weighting))
        for weighting in (Weighting(), Weighting(rules=(("n", rule),)))
    )
    found = compare(plain, ruled, length=2)
    assert found.num_samples == 40
    assert found.num_losing == 0
    assert found.gaining == [(20, 1, 2), (21, 1, 2)]
    assert compare(ruled, plain, length=1).losing == [(20, 2, 1)]
