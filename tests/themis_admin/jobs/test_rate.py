"""The rate of work is that of its last seconds."""

import pytest

from themis_admin.jobs.rate import Rate


def test_there_is_no_rate_before_there_is_something_to_measure() -> None:
    rate = Rate()
    assert rate.per_second is None
    rate.add(0.0, 0)
    assert rate.per_second is None
    rate.add(1.0, 0)
    assert rate.per_second is None


def test_steady_work_has_its_rate() -> None:
    rate = Rate()
    for tick in range(100):
        rate.add(tick / 10, tick * 50)
    assert rate.per_second == pytest.approx(500, rel=0.05)


def test_work_that_slows_down_is_seen_within_seconds() -> None:
    rate = Rate()
    for second in range(100):
        rate.add(second, second * 1000)
    for second in range(100, 115):
        rate.add(second, 99_000 + (second - 99) * 10)
    assert rate.per_second == pytest.approx(10, rel=0.2)


def test_work_that_begins_anew_is_measured_anew() -> None:
    rate = Rate()
    for second in range(5):
        rate.add(second, second * 1000)
    rate.add(5.0, 0)
    assert rate.per_second is None


def test_the_memory_does_not_grow() -> None:
    rate = Rate()
    for tick in range(100_000):
        rate.add(tick / 1000, tick)
    assert len(rate.points) < 100
