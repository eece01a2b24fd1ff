"""A delivery: any part of it is the same bytes, in chunks, shared out to ranks."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.themisdb_datasets.engine.plans.conftest import open_plan, read
from tests.themisdb_datasets.engine.plans.test_plan import delivery
from tests.versions import make_version
from themisdb_datasets.engine.plans.delivery import CHUNK_BYTES, Delivery
from themisdb_datasets.errors import ImpossibleError
from themisdb_datasets.order import Ordering

__all__ = ["delivery"]


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 997), batch=st.integers(1, 3000), limit=st.integers(0, 1200))
def test_any_part_joins_to_the_undisturbed_bytes(
    delivery: Delivery, cut: int, batch: int, limit: int
) -> None:
    whole = read(delivery)
    assert whole.count(b"\n") == delivery.num_samples == 997
    assert read(delivery, 0, cut) + read(delivery, cut, None, batch) == whole
    assert read(delivery, cut, limit, batch).count(b"\n") == min(limit, 997 - cut)


@settings(max_examples=60, deadline=None)
@given(start=st.integers(0, 997), world=st.integers(1, 9), then=st.integers(1, 9), common=st.integers(0, 200))
def test_ranks_share_all_samples_also_when_their_number_changes(
    delivery: Delivery, start: int, world: int, then: int, common: int
) -> None:
    def share(base: int, limit: int | None, ranks: int, **options: bool) -> list[list[bytes]]:
        windows = [delivery.window(base, limit, rank=r, world_size=ranks, **options) for r in range(ranks)]
        parts = [b"".join(chunk.data for chunk in delivery.chunks(window)) for window in windows]
        assert len({part.count(b"\n") for part in parts}) == 1
        return [part.splitlines() for part in parts]

    wanted = read(delivery, start).splitlines()
    common = min(common, len(wanted) // world)
    before = share(start, common, world)
    after = share(start + common * world, None, then)
    rest = len(wanted) - common * world
    # Round robin over the ranks is the order itself; what is beyond its end comes from the epoch's begin again.
    joined = [line for row in zip(*before, strict=True) for line in row]
    joined += [line for row in zip(*after, strict=True) for line in row]
    padding = -rest % then
    assert joined == wanted + (read(delivery).splitlines() * then)[:padding]
    dropped = share(start + common * world, None, then, drop_last=True)
    assert sum(len(part) for part in dropped) == rest - rest % then


def test_a_shuffled_plan_has_all_samples_in_another_order(delivery: Delivery) -> None:
    ids = [json.loads(line)["text"].split()[1] for line in read(delivery).splitlines()]
    everything = [str(i) for i in range(1000) if i not in (5, 299, 300)]
    assert sorted(ids, key=int) == everything
    assert (ids == everything) == (delivery.plan.ordering == Ordering())


def test_it_refuses_to_start_past_the_end(delivery: Delivery) -> None:
    assert read(delivery, 997) == b""
    with pytest.raises(ImpossibleError, match="past the end"):
        delivery.window(998, None)


def test_the_first_chunk_is_a_batch_and_none_is_larger_than_four_mebibytes(tmp_path: Path) -> None:
    samples = (
        [{"text": "x" * 900_000} for _ in range(12)] + [{"text": "y" * 6_000_000}] + [{"text": "z"}] * 20_000
    )
    delivery = open_plan(tmp_path, make_version(tmp_path, samples))
    chunks = list(delivery.chunks(delivery.window(0, None), batch_size=2))
    assert chunks[0].num_samples == 2
    assert all(len(chunk.data) <= CHUNK_BYTES or chunk.num_samples == 1 for chunk in chunks)
    assert sum(chunk.num_samples for chunk in chunks) == len(samples)
    assert len(chunks) < 60
    assert next(delivery.chunks(delivery.window(0, None), batch_size=20_000)).num_samples <= 8
