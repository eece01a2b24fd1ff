"""Weighted order: N * w / sum of w expected appearances, at any position, for ever the same."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from themisdb_datasets.engine.selections.draws import BLOCK, build_draws
from themisdb_datasets.errors import ImpossibleError
from themisdb_datasets.order import Ordering, WeightedOrder
from themisdb_datasets.permutation import SMALL

VECTORS = json.loads((Path(__file__).parent / "order-1-weighted.json").read_text())


def build(weights: Sequence[int] | npt.NDArray[np.uint16], path: Path) -> npt.NDArray[np.uint64]:
    build_draws(np.asarray(weights, np.uint16), path)
    table: npt.NDArray[np.uint64] = np.load(path)
    return table


def expected(table: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """How often a pass through all slots draws each sample, on average."""
    own = (table >> np.uint64(32)).astype(float) / 2**32
    alias = (table & np.uint64(2**32 - 1)).astype(np.int64)
    return own + np.bincount(alias, 1 - own, len(table))


def appearances(table: npt.NDArray[np.uint64], epoch: int, seed: int = 0) -> npt.NDArray[np.int64]:
    order = WeightedOrder(table, seed=seed, epoch=epoch)
    return np.bincount(order.at(np.arange(len(table), dtype=np.uint64)), minlength=len(table))


def repeating(num_samples: int) -> npt.NDArray[np.uint16]:
    """Weights of the vectors: sample i weighs i * 7919 modulo 20,001 units."""
    return (np.arange(num_samples, dtype=np.uint64) * np.uint64(7919) % np.uint64(20_001)).astype(np.uint16)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['num_samples']}-{v['seed']}-{v['epoch']}")
def test_the_contract_is_what_it_was(vector: dict[str, str], tmp_path: Path) -> None:
    table = build(repeating(int(vector["num_samples"])), tmp_path / "draws.npy")
    order = WeightedOrder(table, seed=int(vector["seed"]), epoch=int(vector["epoch"]))
    assert order.at(np.array(vector["positions"], np.uint64)).tolist() == vector["indices"]


@settings(max_examples=200, deadline=None)
@given(weights=st.lists(st.integers(0, 20_000) | st.sampled_from([0, 1, 20_000]), min_size=1, max_size=60))
def test_the_slots_hold_every_sample_in_proportion_to_its_weight(
    tmp_path_factory: pytest.TempPathFactory, weights: list[int]
) -> None:
    path = tmp_path_factory.mktemp("draws") / "draws.npy"
    if not sum(weights):
        with pytest.raises(ImpossibleError, match="weight 0"):
            build(weights, path)
        return
    wanted = np.array(weights) * len(weights) / sum(weights)
    assert np.allclose(
        expected(build(weights, path)), wanted, rtol=2e-4 / max(sum(weights) / len(weights), 1), atol=1e-6
    )


def test_more_samples_than_a_block_are_shared_out_as_well(tmp_path: Path) -> None:
    weights = np.random.default_rng(1).integers(0, 20_001, 3 * BLOCK + 5).astype(np.uint16)
    wanted = weights * (len(weights) / weights.sum(dtype=np.int64))
    assert np.abs(expected(build(weights, tmp_path / "draws.npy")) - wanted).max() < 1e-7


def test_an_epoch_draws_each_sample_as_often_as_its_weight_says(tmp_path: Path) -> None:
    weights = repeating(5_000)
    table = build(weights, tmp_path / "draws.npy")
    counts = np.stack([appearances(table, epoch) for epoch in range(400)])
    wanted = weights * (len(weights) / weights.sum(dtype=np.int64))
    # Means of 400 epochs, in deviations of the mean; independent draws would vary by `wanted`, these by less.
    off = (counts.mean(axis=0) - wanted) / np.sqrt(np.maximum(counts.var(axis=0), 0.01) / 400)
    assert abs(off.mean()) < 0.1
    assert 0.9 < off.std() < 1.1
    assert np.abs(off).max() < 6
    assert counts.var(axis=0).mean() < 0.4 * wanted.mean()
    assert (counts[:, weights == 0] == 0).all()
    # Epochs are independent; what one sample gets more, those that share its slots get less, never the other way.
    off = counts - wanted
    assert abs(np.corrcoef(off[::2].ravel(), off[1::2].ravel())[0, 1]) < 0.01
    assert np.corrcoef(off[:, :-1].ravel(), off[:, 1:].ravel())[0, 1] < 0.01


def test_equal_weights_come_exactly_once_in_an_order_of_their_own(tmp_path: Path) -> None:
    table = build([7_000] * 1_000, tmp_path / "draws.npy")
    assert (appearances(table, 3) == 1).all()
    positions = np.arange(1_000, dtype=np.uint64)
    weighted = WeightedOrder(table, seed=1, epoch=0).at(positions)
    assert weighted.tolist() != Ordering("shuffled", 1, 0).over(1_000).at(positions).tolist()


@pytest.mark.parametrize("num_samples", [1, 40, SMALL + 3])
def test_any_position_is_known_by_itself_also_in_later_passes(num_samples: int, tmp_path: Path) -> None:
    table = build(repeating(num_samples + 1)[1:], tmp_path / "draws.npy")
    order = WeightedOrder(table, seed=-(10**40), epoch=10**50)
    positions = np.arange(max(0, num_samples - 50), 2 * num_samples + 50, dtype=np.uint64)
    whole = order.at(positions)
    assert [int(order.at(positions[i : i + 1])[0]) for i in range(0, len(positions), 997)] == whole[
        ::997
    ].tolist()
    assert whole.max() < num_samples


def test_weights_of_a_version_larger_than_floats_can_count_are_drawn_evenly(tmp_path: Path) -> None:
    """torch.multinomial ends at 2^24 categories."""
    weights = np.full((1 << 24) + 5, 10_000, np.uint16)
    weights[-1] = 20_000
    order = WeightedOrder(build(weights, tmp_path / "draws.npy"), seed=0, epoch=0)
    drawn = order.at(np.arange(1 << 20, dtype=np.uint64))
    assert (drawn > 1 << 23).mean() == pytest.approx(0.5, abs=0.003)
    assert expected(np.load(tmp_path / "draws.npy"))[-1] == pytest.approx(2.0, abs=0.003)
