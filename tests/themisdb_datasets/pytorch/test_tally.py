"""Counting what was handed out: exact after every item, and nothing is held beyond the loop that wants it."""

from collections.abc import Iterator

import pytest

from themisdb_datasets.pytorch.tally import Tally


@pytest.mark.parametrize("sizes", [[], [0], [3], [1, 0, 0, 4, 1], [0, 2, 0]])
@pytest.mark.parametrize("done", [0, 7])
def test_it_counts_every_item_as_it_is_handed_out(sizes: list[int], done: int) -> None:
    lists = [[(part, number) for number in range(size)] for part, size in enumerate(sizes)]
    tally = Tally(done)
    items = tally.over(iter(lists))
    for at, item in enumerate([item for part in lists for item in part], done):
        assert tally.done == at
        assert next(items) == item
    assert tally.done == done + sum(sizes)
    assert next(items, None) is None
    assert tally.done == done + sum(sizes)


def test_an_error_leaves_the_number_that_came_before_it() -> None:
    def lists() -> Iterator[list[int]]:
        yield [1, 2, 3]
        raise OSError("the network")

    tally = Tally()
    items = tally.over(lists())
    assert [next(items) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(OSError, match="the network"):
        next(items)
    assert tally.done == 3


def test_a_loop_that_is_left_early_closes_what_it_reads() -> None:
    closed = []

    def lists() -> Iterator[list[int]]:
        try:
            while True:
                yield [1, 2, 3]
        finally:
            closed.append(True)

    tally = Tally()
    items = tally.over(lists())
    assert [next(items) for _ in range(4)] == [1, 2, 3, 1]
    del items
    assert closed == [True]
    assert tally.done == 4
