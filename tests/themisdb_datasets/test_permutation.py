"""Permutations: every index once, all orders equally likely."""

import itertools
from collections import Counter

import numpy as np
import pytest

from tests.themisdb_datasets.test_order import indices
from themisdb_datasets.order import ShuffledOrder
from themisdb_datasets.permutation import SMALL


@pytest.mark.parametrize(
    "num_samples", [0, 1, 2, 3, 17, 1000, SMALL - 1, SMALL, SMALL + 1, 100_003, 1_000_003]
)
def test_every_index_comes_once(num_samples: int) -> None:
    found = indices(ShuffledOrder(num_samples, seed=-3, epoch=10**40))
    assert np.array_equal(np.sort(found), np.arange(num_samples))


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
