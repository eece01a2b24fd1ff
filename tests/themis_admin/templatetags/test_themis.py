"""How the console writes numbers, sizes, durations and times."""

from datetime import UTC, datetime, timedelta

import pytest

from themis_admin.templatetags import themis


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (41_600_000, "41.6 MB"), (207_940_509, "208 MB"),
     (999_600_000, "1.0 GB"), (None, "–"), ("", "–")],
)  # fmt: skip
def test_sizes_are_decimal(value: float | None, shown: str) -> None:
    assert themis.in_bytes(value).replace("\N{NO-BREAK SPACE}", " ") == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.2, "under 1 s"), (8, "8 s"), (59.6, "1 min"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (3600, "1 h"),
     (timedelta(seconds=61), "1 min 1 s"), (None, "–")],
)  # fmt: skip
def test_durations(value: float | timedelta | None, shown: str) -> None:
    assert themis.duration(value) == shown


def test_numbers_and_rates() -> None:
    assert themis.number(105198) == "105,198"
    assert themis.number(None) == themis.number("") == "–"
    assert themis.rate(8430, "samples") == "8,430/s"
    assert themis.rate(None) == "–"
    assert themis.percent(1, 0) == "–"


def test_times_are_utc_for_the_script_to_translate() -> None:
    shown = themis.when(datetime(2026, 11, 20, 19, 52, tzinfo=UTC))
    assert 'datetime="2026-11-20T19:52:00+00:00"' in shown
    assert ">2026-11-20 19:52 UTC<" in shown
