"""Sharing out: every sample comes exactly once, ranks get the same number, and a share goes on where it stopped."""

import itertools
from collections import Counter

import pytest

from themisdb_datasets.errors import MalformedError
from themisdb_datasets.trainer.sharing import ConsumerShare, share

SIZES = [0, 1, 2, 5, 12, 13, 100]
TOPOLOGIES = list(itertools.product([1, 2, 3, 7], [1, 2, 4]))


def shares(
    size: int, world_size: int, num_workers: int, drop_last: bool, start: int = 0
) -> list[list[ConsumerShare]]:
    """The shares by rank and worker."""
    return [
        [
            share(
                start,
                size,
                rank=rank,
                world_size=world_size,
                worker=worker,
                num_workers=num_workers,
                drop_last=drop_last,
            )
            for worker in range(num_workers)
        ]
        for rank in range(world_size)
    ]


def positions(each: ConsumerShare) -> list[int]:
    assert each.num_samples is not None
    return [each.position(done) for done in range(each.num_samples)]


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_no_sample_is_lost_or_comes_twice(size: int, drop_last: bool) -> None:
    for world_size, num_workers in TOPOLOGIES:
        by_rank = [
            sorted(position for each in workers for position in positions(each))
            for workers in shares(size, world_size, num_workers, drop_last, start=3)
        ]
        numbers = {len(rank) for rank in by_rank}
        assert numbers == {size // world_size if drop_last else -(-size // world_size)}, "all ranks the same"
        counts = Counter(itertools.chain.from_iterable(by_rank))
        assert set(counts.values()) <= {1}
        last = 3 + numbers.pop() * world_size
        assert sorted(counts) == list(range(3, last)), "from the start on, with no gap"
        for rank, each in enumerate(by_rank):
            assert all(position % world_size == (3 + rank) % world_size for position in each), (
                "on any workers"
            )


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_a_share_goes_on_from_a_base_that_the_server_can_start_at(size: int, drop_last: bool) -> None:
    for world_size, num_workers in TOPOLOGIES:
        for each in itertools.chain.from_iterable(shares(size, world_size, num_workers, drop_last)):
            for done, position in enumerate(positions(each)):
                base = each.base(done)
                assert base + each.consumer == position, "the first of a request with this base"
                assert base < size, "which lies in the plan"
                # What the server has for a consumer from there on; it is never asked for more.
                left = len(positions(each)) - done
                assert each.left(done) == left <= -(-(size - base) // each.num_consumers)
            assert each.left(len(positions(each))) == 0


def test_an_endless_plan_is_shared_out_without_end() -> None:
    each = share(10, None, rank=1, world_size=2, worker=1, num_workers=3)
    assert (each.num_samples, each.left(10**9)) == (None, None)
    assert [each.position(done) for done in range(3)] == [13, 19, 25]


@pytest.mark.parametrize(("rank", "world_size"), [(2, 2), (-1, 2), (0, 0)])
def test_a_rank_that_does_not_exist_is_refused(rank: int, world_size: int) -> None:
    with pytest.raises(MalformedError, match="does not exist among world_size"):
        share(0, 10, rank=rank, world_size=world_size)
