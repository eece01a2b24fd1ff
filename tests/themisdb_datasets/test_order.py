"""order/1: permutations that are even, independent, the same for ever, and known anywhere without walking there."""

import itertools
import json
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from themisdb_datasets.errors import ImpossibleError
from themisdb_datasets.order import Ordering, ShuffledOrder
from themisdb_datasets.permutation import SMALL

VECTORS = json.loads((Path(__file__).parent / "order-1.json").read_text())


def indices(order: ShuffledOrder, start: int = 0, stop: int | None = None) -> npt.NDArray[np.int64]:
    return order.at(np.arange(start, order.num_samples if stop is None else stop, dtype=np.uint64))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['num_samples']}-{v['seed']}-{v['epoch']}"[:40])
def test_the_contract_is_what_it_was(vector: dict[str, str]) -> None:
    order = ShuffledOrder(int(vector["num_samples"]), seed=int(vector["seed"]), epoch=int(vector["epoch"]))
    assert order.at(np.array(vector["positions"], np.uint64)).tolist() == vector["indices"]


@pytest.mark.parametrize(
    "num_samples", [0, 1, 2, 3, 17, 1000, SMALL - 1, SMALL, SMALL + 1, 100_003, 1_000_003]
)
def test_every_index_comes_once(num_samples: int) -> None:
    found = indices(ShuffledOrder(num_samples, seed=-3, epoch=10**40))
    assert np.array_equal(np.sort(found), np.arange(num_samples))


def test_any_position_is_known_by_itself_at_a_thousand_million() -> None:
    order = ShuffledOrder(10**9, seed=1, epoch=2)
    block = indices(order, 999_990_000, 1_000_000_000)
    assert len(np.unique(block)) == 10_000
    assert block.min() >= 0
    assert block.max() < 10**9
    some = np.array([999_999_999, 999_990_000, 999_995_000], np.uint64)
    assert order.at(some).tolist() == [block[-1], block[0], block[5000]]


def test_all_orders_of_four_are_equally_likely() -> None:
    counts = Counter(
        tuple(indices(ShuffledOrder(4, seed=s, epoch=e)).tolist()) for s in range(150) for e in range(80)
    )
    expected = 12_000 / 24
    chi_square = sum((counts[order] - expected) ** 2 / expected for order in itertools.permutations(range(4)))
    assert (
        chi_square < 50
    )  # 23 degrees of freedom: beyond this once in 1,000 kinds of keys, and these are fixed


@pytest.mark.parametrize("num_samples", [5_000, 100_000])
def test_positions_neighbours_epochs_and_seeds_are_independent(num_samples: int) -> None:
    orders = [indices(ShuffledOrder(num_samples, seed=s, epoch=e)) for s in range(4) for e in range(4)]
    # Correlations of independent orders are normal with a deviation of 1/sqrt(n).
    where = np.arange(num_samples)
    for first, second in itertools.pairwise([where, *orders]):
        assert abs(np.corrcoef(first, second)[0, 1]) < 4.5 / num_samples**0.5
    # Each index is followed by its own neighbour about once in an order, whatever its size.
    for step in (1, -1, 2, round(num_samples**0.5), round(num_samples**0.5) + 1):
        followed = np.mean([(np.diff(order) == step).sum() for order in orders])
        assert followed < 2.5
    # 16 x 16 cells of position and index: chi square with 225 degrees of freedom, deviation 21.
    for order in orders:
        cells = np.bincount((where * 16 // num_samples) * 16 + order * 16 // num_samples, minlength=256)
        chi_square = ((cells - num_samples / 256) ** 2 / (num_samples / 256)).sum()
        assert 130 < chi_square < 330


def test_another_seed_epoch_or_number_is_another_order() -> None:
    plain = indices(ShuffledOrder(1000, seed=0, epoch=0)).tolist()
    for seed, epoch in ((1, 0), (0, 1), (-1, 0), (2**64, 0), (0, -(10**50))):
        assert indices(ShuffledOrder(1000, seed=seed, epoch=epoch)).tolist() != plain
    assert indices(ShuffledOrder(1001, seed=0, epoch=0)).tolist()[:1000] != plain


def test_an_ordering_is_known_by_its_document_and_has_a_limit() -> None:
    ordering = Ordering("shuffled", -(10**90), 7)
    assert Ordering.from_document(json.loads(json.dumps(ordering.to_document()))) == ordering
    with pytest.raises(ImpossibleError):
        ordering.over(2**61)
