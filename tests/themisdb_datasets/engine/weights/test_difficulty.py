"""What runs told, folded and made into factors, beside a plain computation of the same."""

import hashlib
import math
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.versions import make_version
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.selection import SelectionCache
from themisdb_datasets.engine.shards.shard import describe_file
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.engine.weights.difficulty import (
    Adaption,
    RecordFile,
    check_adaption,
    describe,
    extremes,
    fold,
    is_loss,
    records,
    sample_ids,
    write_factors,
)
from themisdb_datasets.engine.weights.preview import explain, spread
from themisdb_datasets.engine.weights.rules import AdaptiveRule, parse_rule
from themisdb_datasets.engine.weights.weighting import Weighting
from themisdb_datasets.errors import GoneError, ImpossibleError, MalformedError

NUM = 300


@pytest.fixture
def version(tmp_path: Path) -> OpenVersion:
    """Two shards, and some rows of the first deleted."""
    whole = make_version(
        tmp_path, [{"n": n, "text": "x" * n} for n in range(200)], [{"n": n} for n in range(200, NUM)]
    )
    return OpenVersion(whole.parts, (np.arange(0, 200, 7), None), lambda digest: tmp_path / "files" / digest)


def test_ids_are_those_of_the_lines(version: OpenVersion) -> None:
    positions = np.array([250, 0, 3, 0])
    ids = sample_ids(version, positions)
    lines = [version.line(position) for position in positions.tolist()]
    assert ids == b"".join(hashlib.sha256(line).digest()[:16] for line in lines)
    assert sample_ids(version, np.empty(0, np.int64)) == b""


def tell(version: OpenVersion, folder: Path) -> tuple[list[RecordFile], dict[int, list[float]]]:
    """Losses of some samples by three senders, and the same as a dictionary."""
    chance, told, known = random.Random(1), [], defaultdict(list)
    folder.mkdir()
    for sender in range(3):
        positions = [chance.randrange(version.num_samples - 20) for _ in range(200)]
        losses = [float(np.float32(chance.expovariate(1))) for _ in positions]
        content = records(sample_ids(version, np.array(positions)), losses)
        path = folder / f"{sender}.records"
        path.write_bytes(content + b"what nobody counts yet")
        told.append(RecordFile(path, len(positions)))
        for position, loss in zip(positions, losses, strict=True):
            known[position].append(loss)
    return told, known


def mean(losses: list[float]) -> float:
    return sum(losses) / len(losses)


@pytest.mark.parametrize("adaption", [Adaption(), Adaption(-1, 0.25, 4), Adaption(0.5, 0, 1)])
def test_difficulties_become_factors_of_selections(
    version: OpenVersion, tmp_path: Path, adaption: Adaption
) -> None:
    told, known = tell(version, tmp_path / "told")
    difficulty = fold(told, tmp_path)
    table = pq.read_table(difficulty).to_pydict()
    assert table["id"] == sorted(table["id"])
    assert sum(table["num"]) == 600
    found = dict(zip(table["id"], table["difficulty"], strict=True))
    ids = {position: sample_ids(version, np.array([position])) for position in known}
    assert {position: pytest.approx(mean(losses)) for position, losses in known.items()} == {
        position: found[ids[position]] for position in known
    }

    (tmp_path / "files").mkdir()
    write_factors(difficulty, tmp_path / "factors", adaption)
    digest = describe_file(tmp_path / "factors")["sha256"]
    (tmp_path / "factors").rename(tmp_path / "files" / digest)
    rule = parse_rule({"kind": "adaptive", "factors": digest, "missing": 0.125})
    average = sum(map(mean, known.values())) / len(known)
    expected = {
        position: min(max((mean(losses) / average) ** adaption.strength, adaption.least), adaption.most)
        for position, losses in known.items()
    }
    cache = SelectionCache(tmp_path / "selections")
    weighting = Weighting(rules=(("hard", rule),))
    selection = cache.get(version, "v", Criteria(weighting=weighting, explain=True))
    assert selection.num_samples == version.num_samples
    weights = [expected.get(position, 0.125) for position in range(version.num_samples)]
    assert selection.factors is not None
    assert selection.factors[:, 0].tolist() == pytest.approx(weights)
    assert np.abs(selection.weights / 10_000 - np.minimum(weights, 2)).max() <= 0.00006
    position = next(iter(known))
    assert explain(version, weighting, position).factors == {"hard": pytest.approx(expected[position])}
    told_of = spread(version, rule)
    assert told_of.num_missing == version.num_samples - len(known)
    assert told_of.mean == pytest.approx(mean(weights))


def test_the_hardest_samples_are_found_in_their_version(version: OpenVersion, tmp_path: Path) -> None:
    told, known = tell(version, tmp_path / "told")
    difficulty = fold(told, tmp_path)
    ranked = sorted(known, key=lambda position: (-mean(known[position]), position))
    hardest = extremes(difficulty, version, length=5)
    assert [(each.position, each.num) for each in hardest] == [(p, len(known[p])) for p in ranked[:5]]
    easiest = extremes(difficulty, version, hardest=False, length=3)
    assert [each.position for each in easiest] == ranked[::-1][:3]
    about = describe(difficulty)
    assert about["num_samples"] == len(known)
    assert about["num_records"] == 600
    assert sum(bin_["num_samples"] for bin_ in about["bins"]) == len(known)
    assert about["least"] == pytest.approx(min(map(mean, known.values())))
    assert about["bins"][-1]["to"] == about["most"] == pytest.approx(max(map(mean, known.values())))


def test_equal_losses_make_one_bin_and_factors_of_one(version: OpenVersion, tmp_path: Path) -> None:
    for loss in (0.0, 2.5):
        path = tmp_path / "records"
        path.write_bytes(records(sample_ids(version, np.arange(9)), [loss] * 9))
        difficulty = fold([RecordFile(path, 9)], tmp_path)
        assert describe(difficulty)["bins"] == [{"from": loss, "to": loss, "num_samples": 9}]
        write_factors(difficulty, tmp_path / "factors", Adaption(-2))
        assert pq.read_table(tmp_path / "factors")["factor"].to_pylist() == [1.0] * 9


def test_nothing_told_and_lost_records_are_said(version: OpenVersion, tmp_path: Path) -> None:
    with pytest.raises(ImpossibleError, match="nothing"):
        fold([], tmp_path)
    path = tmp_path / "records"
    path.write_bytes(records(sample_ids(version, np.arange(3)), [1.0] * 3))
    with pytest.raises(ImpossibleError, match="lost 2"):
        fold([RecordFile(path, 5)], tmp_path)


def test_a_rule_whose_file_is_gone_is_refused(version: OpenVersion, tmp_path: Path) -> None:
    rule = AdaptiveRule(factors="0" * 64)
    for whose in (version, OpenVersion(version.parts, version.deleted)):
        with pytest.raises(GoneError):
            spread(whose, rule)
    with pytest.raises(MalformedError):
        parse_rule({"kind": "adaptive", "factors": "../../etc/passwd"})


def test_what_can_be_a_loss() -> None:
    assert [is_loss(value) for value in (0, 1.5, 1e9, -0.1, math.nan, math.inf, True, "1", None)] == (
        [True] * 3 + [False] * 6
    )


def test_senseless_adaptions_are_refused() -> None:
    for wrong in (
        Adaption(math.nan),
        Adaption(11),
        Adaption(1, 2, 1),
        Adaption(1, -1, 1),
        Adaption(1, 0, 1e7),
    ):
        with pytest.raises(ValueError, match=":"):
            check_adaption(wrong)


@pytest.mark.parametrize("explain_too", [False, True])
def test_samples_stay_in_order_however_the_factors_are_looked_up(tmp_path: Path, explain_too: bool) -> None:
    version = make_version(tmp_path, [{"n": n} for n in range(30_000)])
    ids = sample_ids(version, np.arange(version.num_samples))
    (tmp_path / "told").write_bytes(records(ids, [float(n) for n in range(version.num_samples)]))
    difficulty = fold([RecordFile(tmp_path / "told", version.num_samples)], tmp_path)
    write_factors(difficulty, tmp_path / "factors", Adaption())
    digest = describe_file(tmp_path / "factors")["sha256"]
    version = OpenVersion(version.parts, version.deleted, lambda digest: tmp_path / "factors")
    # Two rules of one file: DuckDB may look them up from either side, which must not show.
    rules = tuple((name, AdaptiveRule(factors=digest)) for name in ("one", "two"))
    cache = SelectionCache(tmp_path / "selections")
    criteria = Criteria(weighting=Weighting(rules=rules), explain=explain_too)
    selection = cache.get(version, "v", criteria)
    assert selection.positions.tolist() == list(range(30_000))
    assert np.all(np.diff(selection.weights.astype(int)) >= 0)
