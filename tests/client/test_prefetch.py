"""Reading ahead: in order, to the very end, no further than the buffer, and over at once when nobody wants more."""

import threading
from collections.abc import Iterator

import pytest

from tests.processes import until
from themisdb_datasets.prefetch import Prefetch


class Counted:
    """Numbers, and how many of them were read."""

    def __init__(self, stop: int, *, error: Exception | None = None) -> None:
        self.read, self.stop, self.error = 0, stop, error
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[int]:
        try:
            for number in range(self.stop):
                self.read += 1
                yield number
            if self.error is not None:
                raise self.error
        finally:
            self.closed.set()


@pytest.mark.parametrize("size", [0, 1, 2, 7, 1000])
def test_all_come_in_order_and_none_of_the_tail_is_lost(size: int) -> None:
    assert list(Prefetch(iter(Counted(501)), size=size)) == list(range(501))


def test_it_reads_as_far_as_the_buffer_reaches_and_no_further() -> None:
    counted = Counted(100)
    numbers = Prefetch(iter(counted), size=10, weigh=lambda number: 2)
    # Five fill it; the one after them has been read and waits for room.
    until(lambda: counted.read >= 6, seconds=10)
    assert next(numbers) == 0
    until(lambda: counted.read >= 7, seconds=10)
    assert counted.read == 7
    assert list(numbers) == list(range(1, 100))


def test_an_error_comes_after_what_was_read_before_it() -> None:
    numbers = Prefetch(iter(Counted(3, error=OSError("the network"))), size=10)
    assert [next(numbers) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="the network"):
        next(numbers)
    with pytest.raises(StopIteration):
        next(numbers)


def test_closing_ends_the_thread_and_what_it_reads_from() -> None:
    counted = Counted(1000)
    numbers = Prefetch(iter(counted), size=5)
    assert next(numbers) == 0
    numbers.close()
    assert counted.closed.wait(10)
    assert counted.read < 10
    assert list(numbers) == []
