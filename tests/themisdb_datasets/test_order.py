"""order/1: the same for ever, and known anywhere without walking there."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from themisdb_datasets.errors import ImpossibleError
from themisdb_datasets.order import Ordering, ShuffledOrder

VECTORS = json.loads((Path(__file__).parent / "order-1.json").read_text())


def indices(order: ShuffledOrder, start: int = 0, stop: int | None = None) -> npt.NDArray[np.int64]:
    return order.at(np.arange(start, order.num_samples if stop is None else stop, dtype=np.uint64))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['num_samples']}-{v['seed']}-{v['epoch']}"[:40])
def test_the_contract_is_what_it_was(vector: dict[str, str]) -> None:
    order = ShuffledOrder(int(vector["num_samples"]), seed=int(vector["seed"]), epoch=int(vector["epoch"]))
    assert order.at(np.array(vector["positions"], np.uint64)).tolist() == vector["indices"]


def test_any_position_is_known_by_itself_at_a_thousand_million() -> None:
    order = ShuffledOrder(10**9, seed=1, epoch=2)
    block = indices(order, 999_990_000, 1_000_000_000)
    assert len(np.unique(block)) == 10_000
    assert block.min() >= 0
    assert block.max() < 10**9
    some = np.array([999_999_999, 999_990_000, 999_995_000], np.uint64)
    assert order.at(some).tolist() == [block[-1], block[0], block[5000]]


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
