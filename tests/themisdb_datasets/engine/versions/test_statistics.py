"""Statistics say what counting the samples one by one says."""

import json
import statistics as counted
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.versions import make_version
from themisdb_datasets.engine.versions.statistics import (
    MAX_BINS,
    MAX_TIMES,
    TOP_VALUES,
    UNITS,
    Statistics,
    compute,
    narrowed,
    statistics_key,
)
from themisdb_datasets.engine.versions.version import OpenVersion

LAWS = ("BGB", "StGB", "ZPO")


def sample(n: int) -> dict[str, Any]:
    made: dict[str, Any] = {"id": f"s/{n}", "law": LAWS[n * n % 3], "text": "ä" * (n * n % 977)}
    if n % 4:
        made["when"] = f"{1990 + n % 30}-0{1 + n % 9}-11"
    if n % 6 == 0:
        made["rating"] = None
    elif n % 6 < 4:
        made["rating"] = n / 2
    return made


SAMPLES = [sample(n) for n in range(400)]
TWICE = [*SAMPLES, *SAMPLES[17:23]]


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> OpenVersion:
    return make_version(tmp_path_factory.mktemp("statistics"), TWICE[:300], TWICE[300:])


def check(told: Statistics, samples: list[dict[str, Any]]) -> None:
    """What is told is true of the samples."""
    lines = [len(json.dumps(each, ensure_ascii=False).encode()) + 1 for each in samples]
    texts = [len(each["text"]) for each in samples]
    assert (told.num_samples, told.num_bytes) == (len(samples), sum(lines))
    assert told.num_tokens == sum(texts) * 2 // 4
    assert told.num_duplicates == len(samples) - len({each["id"] for each in samples})
    for lengths, wanted in ((told.line_bytes, lines), (told.text_chars, texts)):
        assert lengths is not None
        assert (lengths.num_samples, lengths.least, lengths.most) == (len(samples), min(wanted), max(wanted))
        assert lengths.mean == pytest.approx(counted.fmean(wanted))
        assert lengths.median == counted.median_low(wanted)
        assert lengths.p95 == sorted(wanted)[-(-len(wanted) * 95 // 100) - 1]
        assert len(lengths.bins) <= MAX_BINS
        assert [number for *_, number in lengths.bins] == [
            sum(low <= each < below for each in wanted) for low, below, _ in lengths.bins
        ]
    fields = {field.name: field for field in told.fields}
    assert set(fields) == {"id", "law", "text", "when", "rating"}
    law = fields["law"].values
    assert law is not None
    assert dict(law.top) == Counter(each["law"] for each in samples)
    ratings = [each["rating"] for each in samples if each.get("rating") is not None]
    rating = fields["rating"]
    assert (rating.least, rating.most) == (min(ratings), max(ratings))
    assert rating.mean == pytest.approx(counted.fmean(ratings))
    assert (rating.nulls, rating.absent) == (
        sum("rating" in each and each["rating"] is None for each in samples),
        sum("rating" not in each for each in samples),
    )


def test_all_samples_of_all_shards_count(version: OpenVersion) -> None:
    check(compute(version, text_field="text", time_field="when"), TWICE)


def test_some_samples_are_counted_as_if_there_were_no_others(version: OpenVersion) -> None:
    for positions in (np.arange(0, 406, 3), np.arange(5, 90), np.arange(305, 406)):
        part = narrowed(version, positions)
        assert [part.line(n) for n in range(part.num_samples)] == [version.line(int(n)) for n in positions]
        check(compute(part, text_field="text"), [TWICE[int(n)] for n in positions])
    twice = narrowed(narrowed(version, np.arange(0, 406, 2)), np.arange(0, 203, 2))
    check(compute(twice, text_field="text"), TWICE[::4])


def test_no_samples_have_statistics_too(version: OpenVersion) -> None:
    told = compute(narrowed(version, np.arange(0)), text_field="text", time_field="when")
    assert (told.num_samples, told.num_bytes, told.line_bytes.bins, told.text_chars, told.times) == (
        0,
        0,
        [],
        None,
        None,
    )


def test_times_fall_into_years(version: OpenVersion) -> None:
    times = compute(version, time_field="when").times
    assert times is not None
    assert (times.unit, times.num_missing) == ("quarter", sum("when" not in each for each in TWICE))
    by_quarter = Counter(
        datetime(
            int(each["when"][:4]), 3 * ((int(each["when"][5:7]) - 1) // 3) + 1, 1, tzinfo=UTC
        ).timestamp()
        for each in TWICE
        if "when" in each
    )
    assert {start: number for start, number in times.bins if number} == by_quarter
    assert len(times.bins) == 30 * 4 - 1


@pytest.mark.parametrize(
    ("first", "last", "unit"),
    [
        ("2020-01-01T00:00:00Z", "2020-01-01T00:59:00Z", "hour"),
        ("2020-01-01", "2020-03-31", "day"),
        ("2020-01-01", "2029-12-31", "month"),
        ("1850-01-01", "2000-12-31", "year"),
        ("0900-01-01", "2000-12-31", "decade"),
        ("0001-01-01", "3000-12-31", "century"),
        ("0001-01-01", "9999-12-31T23:59:59Z", "century"),
        ("1969-12-31", "1969-12-31", "hour"),
    ],
)
def test_the_unit_of_time_fits_the_span(tmp_path: Path, first: str, last: str, unit: str) -> None:
    version = make_version(tmp_path, [{"t": first}, {"t": "nie"}, {"t": last}, {}])
    times = compute(version, time_field="t").times
    assert times is not None
    assert (times.unit, times.num_samples, times.num_missing) == (unit, 2, 2)
    assert sum(number for _, number in times.bins) == 2
    assert len(times.bins) <= MAX_TIMES
    starts = [start for start, _ in times.bins]
    assert all(b - a <= 1.2 * UNITS[unit][0] for a, b in pairwise(starts))


def test_values_are_counted_where_they_repeat(tmp_path: Path) -> None:
    samples = [
        {"id": str(n), "many": str(n % 50), "flag": n % 2 == 0, "long": "x" * 300, "part": {"kind": "a"}}
        for n in range(200)
    ]
    fields = {field.name: field for field in compute(make_version(tmp_path, samples)).fields}
    assert fields["id"].values is None
    assert fields["long"].values is None
    assert fields["part"].values is None
    flag, many, kind = (fields[name].values for name in ("flag", "many", "part.kind"))
    assert flag is not None and many is not None and kind is not None
    assert dict(flag.top) == {"true": 100, "false": 100}
    assert (fields["many"].num_distinct, len(many.top), many.num_others) == (50, TOP_VALUES, 120)
    assert kind.top == [("a", 200)]


def test_a_number_is_counted_as_one_value_however_its_shard_holds_it(tmp_path: Path) -> None:
    version = make_version(tmp_path, [{"n": 1}, {"n": 2}], [{"n": 1.0}, {"n": 2.5}])
    (field,) = compute(version).fields
    assert field.values is not None
    assert (dict(field.values.top), field.least, field.most) == ({"1": 2, "2": 1, "2.5": 1}, 1.0, 2.5)


def test_other_questions_have_other_keys() -> None:
    asked = [("", ""), ("text", ""), ("", "text"), ("text", "when")]
    keys = {
        statistics_key(digest, None, text_field=text, time_field=time)
        for text, time in asked
        for digest in ("0", "1")
    }
    assert len(keys) == 8


def test_a_field_is_a_number_also_where_a_shard_says_nothing_but_null(tmp_path: Path) -> None:
    version = make_version(
        tmp_path, [{"n": 10, "x": 1e300}, {"n": 2**60, "x": 2}], [{"n": None}], [{"n": 9.5}]
    )
    fields = {field.name: field for field in compute(version).fields}
    assert (fields["n"].least, fields["n"].most) == (9.5, 2.0**60)
    assert fields["n"].mean == pytest.approx((10 + 2**60 + 9.5) / 3)
    assert (fields["x"].least, fields["x"].most) == (2, 1e300)


def test_different_values_are_counted_not_estimated(tmp_path: Path) -> None:
    samples = [{"id": number, "text": f"text {number % 2_500}"} for number in range(4_000)]
    fields = {field.name: field for field in compute(make_version(tmp_path, samples)).fields}
    assert (fields["id"].num_distinct, fields["text"].num_distinct) == (4_000, 2_500)
