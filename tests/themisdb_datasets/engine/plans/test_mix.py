"""Mixes: proportions are kept everywhere, any position is known by itself, and the ends are where they are promised."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from themisdb_datasets.engine.plans.mix import PERIOD, STOPS, Mix, MixPart, Schedule, shares
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.errors import ImpossibleError

SHARES = st.lists(st.integers(1, 40), min_size=1, max_size=6)


def walk(schedule: Schedule, stop: int) -> list[tuple[int, int]]:
    part, index = schedule.at(np.arange(stop, dtype=np.uint64))
    return list(zip(part.tolist(), index.tolist(), strict=True))


@settings(max_examples=150, deadline=None)
@given(parts=SHARES, data=st.data(), stop=st.sampled_from(STOPS))
def test_every_part_counts_up_and_the_end_is_where_its_rule_says(
    parts: list[int], data: st.DataObject, stop: str
) -> None:
    sizes = [data.draw(st.integers(1, 90)) for _ in parts]
    schedule = Schedule(parts, sizes, stop)
    walked = walk(schedule, schedule.num_samples + 1)
    seen = Counter[int]()
    for part, index in walked[:-1]:
        assert index == seen[part]
        seen[part] += 1
    assert schedule.served() == [seen[part] for part in range(len(parts))]
    full = [seen[part] >= size for part, size in enumerate(sizes)]
    over = [seen[part] > size for part, size in enumerate(sizes)]
    if stop == "first_exhausted":
        # The next sample would be the first repeat.
        assert not any(over)
        assert walked[-1][1] == sizes[walked[-1][0]]
    else:
        # The last sample is the one that was missing still.
        assert all(full)
        last, index = walked[-2]
        assert index == sizes[last] - 1


@settings(max_examples=100, deadline=None)
@given(parts=SHARES, position=st.integers(0, 10**15))
def test_any_position_is_known_by_itself_and_near_its_proportion(parts: list[int], position: int) -> None:
    schedule = Schedule(parts, [10**16] * len(parts), "first_exhausted")
    (part,), (index,) = schedule.at(np.array([position], np.uint64))
    served = schedule.served(position)
    assert served[part] == index
    assert sum(served) == position
    for share, count in zip(parts, served, strict=True):
        assert abs(count - position * share / sum(parts)) <= len(parts)


@settings(max_examples=150, deadline=None)
@given(proportions=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=64))
def test_proportions_become_places_that_add_up(proportions: list[float]) -> None:
    places = shares(proportions)
    period = sum(places)
    assert PERIOD % period == 0
    assert min(places) >= 1
    total = sum(proportions)
    for place, proportion in zip(places, proportions, strict=True):
        assert abs(place / period - proportion / total) <= (1 + len(places)) / PERIOD


def test_proportions_may_be_of_something_else_than_samples() -> None:
    assert shares([1, 1]) == [1, 1]
    assert shares([0.7, 0.2, 0.1]) == [7, 2, 1]
    assert shares([1, 1], [100.0, 300.0]) == [3, 1]


def test_a_mix_is_known_by_its_document_and_takes_no_empty_theme() -> None:
    laws = MixPart("Lärm", parse_filter({"field": "law", "op": "eq", "value": "TA"}), 3)
    mix = Mix((laws, MixPart("Rest", parse_filter({"all": []}), 1)), "all_exhausted")
    assert Mix.from_document(json.loads(json.dumps(mix.to_document()))) == mix
    with pytest.raises(ImpossibleError, match="'Rest' keeps no samples"):
        mix.over([5, 0])
