"""Criteria: what is kept, by time and by what the output holds."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.themisdb_datasets.engine.weights.test_weighting import select
from tests.versions import make_version
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.selections.criteria import Criteria, Output, Period

DAY = 86_400


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


def test_the_same_criteria_are_the_same_selection_and_others_are_not(tmp_path: Path) -> None:
    first = Criteria((parse_filter({"field": "n", "op": "gt", "value": 1}),))
    assert first.key("a" * 64) == Criteria((parse_filter({"value": 1, "op": "gt", "field": "n"}),)).key(
        "a" * 64
    )
    assert first.key("a" * 64) != first.key("b" * 64)
    assert first.key("a" * 64) != Criteria((parse_filter({"field": "n", "op": "gt", "value": 2}),)).key(
        "a" * 64
    )
