"""Selections and plans: what is kept, how it is weighted, and that any part of a delivery is the same bytes."""

import json
import shutil
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.versions import make_version
from themisdb_datasets.engine.kernels.gather import VIEW, gather
from themisdb_datasets.engine.plans.delivery import CHUNK_BYTES, Delivery
from themisdb_datasets.engine.plans.plan import Cursor, Plan
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.selections.criteria import Criteria, Output, Period
from themisdb_datasets.engine.selections.selection import Selection, SelectionCache
from themisdb_datasets.engine.versions.version import OpenVersion, ShardCache, version_digest
from themisdb_datasets.engine.weights.weighting import Explicit, Freshness, Length, Weighting
from themisdb_datasets.errors import CorruptError, ImpossibleError, MalformedError, NotFoundError
from themisdb_datasets.order import Ordering

AS_OF = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
DAY = 86_400
TEXT = Format("text_completion", {"text": parse_value("text")}, ())


def select(
    root: Path, version: OpenVersion, *conditions: Any, weighting: Weighting | None = None
) -> Selection:
    criteria = Criteria(conditions, weighting or Weighting())
    return SelectionCache(root / "selections").get(version, "0" * 64, criteria)


def open_plan(
    root: Path, version: OpenVersion, form: Format = TEXT, *conditions: Any, ordering: Ordering | None = None
) -> Delivery:
    digest = version_digest(version)
    plan = Plan(digest, Criteria(conditions), form, ordering or Ordering())
    cache = SelectionCache(root / "selections")
    return Delivery(plan, version, [cache.get(version, digest, criteria) for criteria in plan.selects])


def read(delivery: Delivery, start: int = 0, limit: int | None = None, batch_size: int = 100) -> bytes:
    return b"".join(
        chunk.data for chunk in delivery.chunks(delivery.window(start, limit), batch_size=batch_size)
    )


@pytest.mark.parametrize(
    ("period", "kept"),
    [
        (Period("at", datetime(2020, 1, 31, tzinfo=UTC).timestamp()), [0, 1, 2, 3, 4]),
        (
            Period("at", None, datetime(2020, 1, 31, tzinfo=UTC).timestamp() + DAY, stop_included=False),
            [0, 1, 2, 3, 4],
        ),
        (Period("at", datetime(2020, 1, 31, 12, tzinfo=UTC).timestamp()), [1, 4]),
        (Period("at", None, datetime(2020, 1, 31, 12, tzinfo=UTC).timestamp()), [0, 1, 2, 3]),
    ],
)
def test_a_period_reads_dates_offsets_and_epochs_and_leaves_out_what_has_none(
    tmp_path: Path, period: Period, kept: list[int]
) -> None:
    stamps = [
        "2020-01-31",
        "2020-01-31T13:00:00+01:00",
        int(datetime(2020, 1, 31, tzinfo=UTC).timestamp()),
        int(datetime(2020, 1, 31, 1, tzinfo=UTC).timestamp() * 1000),
        "2020-01-31 23:59:59.5",
        None,
        "infinity",
        "soon",
        [],
        True,
        "2020-13-45",
    ]
    samples: list[dict[str, Any]] = [{"text": "x", "at": stamp} for stamp in stamps]
    version = make_version(tmp_path, [*samples, {"text": "y"}])
    assert select(tmp_path, version, period).positions.tolist() == kept


@pytest.mark.parametrize(
    ("sample", "weight"),
    [
        ({"importance": 1.5}, 15_000),
        ({"importance": "0.25"}, 2_500),
        ({"importance": 7}, 20_000),
        ({"importance": -7}, 0),
        ({"importance": "nan"}, 8_000),
        ({"importance": True}, 8_000),
        ({"importance": None}, 8_000),
        ({}, 8_000),
        ({"text": "x" * 500}, 10_000),
        ({"text": "ä" * 5000}, 12_000),
        ({"at": "2023-12-02"}, 4_000),
        ({"at": "2024-06-01"}, 8_000),
        ({"at": "2023-12-02", "importance": 2, "text": "x" * 1000}, 15_000),
    ],
)
def test_a_weight_is_the_clamped_product_of_its_factors(
    tmp_path: Path, sample: dict[str, Any], weight: int
) -> None:
    version = make_version(tmp_path, [sample], [{"importance": 1, "at": "2024-01-01", "text": ""}])
    weighting = Weighting(
        Explicit("importance", 0.8),
        Length(parse_value("text")),
        Freshness("at", half_life_days=30, as_of=AS_OF),
    )
    assert select(tmp_path, version, weighting=weighting).weights.tolist() == [weight, 10_000]


def test_empty_outputs_are_left_out_whatever_empty_looks_like(tmp_path: Path) -> None:
    samples: list[dict[str, Any]] = [
        {"text": "a"},
        {"text": ""},
        {"text": None},
        {},
        {"text": 0},
        {"text": "abc"},
    ]
    version = make_version(tmp_path, samples)
    value = parse_value("text")
    assert select(tmp_path, version, Output(value)).positions.tolist() == [0, 4, 5]
    assert select(tmp_path, version, Output(value, False)).num_samples == 6
    assert select(tmp_path, version, Output(value, True, 2, 3)).positions.tolist() == [5]
    assert select(tmp_path, version, Output(parse_value("{text}"))).positions.tolist() == [0, 4, 5]


@pytest.fixture(
    scope="module", params=[Ordering(), Ordering("shuffled", -1, 10**30)], ids=["stored", "shuffled"]
)
def delivery(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    root = tmp_path_factory.mktemp("plan")
    samples = [{"id": i, "text": f"Satz {i} " + "ä" * (i * 37 % 200)} for i in range(1000)]
    version = make_version(root, samples[:300], samples[300:])
    without = parse_filter({"not": {"field": "id", "op": "in", "value": [5, 299, 300]}})
    return open_plan(root, version, TEXT, without, ordering=request.param)


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


def test_a_plan_is_known_by_its_document_alone(delivery: Delivery) -> None:
    plan = Plan(
        "a" * 64,
        Criteria(
            (
                parse_filter({"field": "n", "op": "gt", "value": 1}),
                Period("at", 1.5, None),
                Output(parse_value("{a}b")),
            ),
            Weighting(Explicit("w", 1.0), Length(parse_value("t")), Freshness("at", 90.0, AS_OF)),
        ),
        Format(
            "chat_completion", {"user": parse_value("q"), "assistant": parse_value("a")}, ("s",), weight=False
        ),
    )
    again = Plan.from_document(json.loads(json.dumps(plan.to_document())))
    assert again == plan
    assert again.digest == plan.digest != delivery.plan.digest


def test_the_same_criteria_are_the_same_selection_and_others_are_not(tmp_path: Path) -> None:
    first = Criteria((parse_filter({"field": "n", "op": "gt", "value": 1}),))
    assert first.key("a" * 64) == Criteria((parse_filter({"value": 1, "op": "gt", "field": "n"}),)).key(
        "a" * 64
    )
    assert first.key("a" * 64) != first.key("b" * 64)
    assert first.key("a" * 64) != Criteria((parse_filter({"field": "n", "op": "gt", "value": 2}),)).key(
        "a" * 64
    )


def test_the_cache_forgets_what_was_used_longest_ago_and_builds_it_again(tmp_path: Path) -> None:
    version = make_version(tmp_path, [{"n": i} for i in range(100)])
    cache = SelectionCache(tmp_path / "selections", max_bytes=2_000)
    for value in range(8):
        criteria = Criteria((parse_filter({"field": "n", "op": "ge", "value": value}),))
        assert cache.get(version, "0" * 64, criteria).num_samples == 100 - value
    left = list((tmp_path / "selections").glob("??/*"))
    assert 1 <= len(left) <= 3
    assert (
        cache.get(
            version, "0" * 64, Criteria((parse_filter({"field": "n", "op": "ge", "value": 0}),))
        ).num_samples
        == 100
    )


def test_cursors_are_read_and_nonsense_is_refused() -> None:
    assert Cursor.parse(str(Cursor("ab" * 32, 17))) == Cursor("ab" * 32, 17)
    for text in (
        "",
        "x.1",
        "ab" * 32,
        "ab" * 32 + ".-1",
        "AB" * 32 + ".1",
        "ab" * 32 + ".1" + "0" * 18,
        "ab" * 32 + ".1\n",
    ):
        with pytest.raises(MalformedError):
            Cursor.parse(text)


def test_the_digest_follows_the_samples_and_not_the_cuts(tmp_path: Path) -> None:
    samples = [{"n": i, "text": "x" * 100} for i in range(50)]
    whole = make_version(tmp_path, samples)
    cut = make_version(tmp_path, samples[:20], samples[20:], shard_bytes=500)
    assert len(cut.parts) > 2
    assert version_digest(whole) == version_digest(cut)
    assert version_digest(whole) != version_digest(make_version(tmp_path, samples[::-1]))


@pytest.mark.parametrize(
    ("length", "buffer", "offset"), [(13, 0, 10), (5, 0, 19), (-1, 0, 0), (20, 1, 0), (13, 0, -1)]
)
def test_a_span_outside_its_file_is_refused_before_it_is_read(length: int, buffer: int, offset: int) -> None:
    import numpy as np
    import pyarrow as pa

    views = np.zeros(1, VIEW)
    views["length"], views["buffer"], views["offset"] = length, buffer, offset
    with pytest.raises((CorruptError, IndexError)):
        gather(views, [pa.py_buffer(b"x" * 20)])


def test_a_shard_that_was_removed_is_not_held_open(tmp_path: Path) -> None:
    cache = ShardCache(max_shards=2)
    paths = [make_version(tmp_path, [{"n": n}]).folders[0] for n in range(3)]
    first = cache.open(paths[0])
    assert cache.open(paths[0]) is first
    cache.open(paths[1])
    shutil.rmtree(paths[0])
    cache.open(paths[2])
    assert first.line(0) == b'{"n": 0}'  # whoever has it open reads on
    with pytest.raises(NotFoundError):
        cache.open(paths[0])
    released = weakref.ref(first)
    del first
    assert released() is None
