"""Sequences that are read a page at a time."""

import pytest
from django.core.paginator import Paginator

from themis_admin.web.windows import Cut


class Numbers(Cut[int]):
    """As many numbers as are told; what was asked for is noted."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.asked: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return self.number

    def between(self, start: int, stop: int) -> list[int]:
        self.asked.append((start, stop))
        return [*range(start, stop)]


def test_a_page_of_very_many_reads_that_page_alone() -> None:
    numbers = Numbers(100_000_000)
    page = Paginator(numbers, 50).page(1_000_000)
    assert list(page) == [*range(49_999_950, 50_000_000)]
    assert numbers.asked == [(49_999_950, 50_000_000)]


def test_the_last_page_ends_with_the_sequence() -> None:
    numbers = Numbers(101)
    assert list(Paginator(numbers, 50).page(3)) == [100]
    assert numbers.asked == [(100, 101)]
    assert numbers[90:200] == [*range(90, 101)]


@pytest.mark.parametrize("place", [0, 7, 100])
def test_one_is_read_alone(place: int) -> None:
    numbers = Numbers(101)
    assert numbers[place] == place
    assert numbers.asked == [(place, place + 1)]
