"""Reading ahead: in order, to the very end, no further than the buffer, and over at once when nobody wants more."""

import threading
import time
from collections.abc import Iterator

import pytest

from tests.processes import until
from themisdb_datasets.trainer.prefetch import PAUSE, Prefetch


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
    until(lambda: counted.read >= 5)
    assert next(numbers) == 0
    until(lambda: counted.read >= 6)
    time.sleep(10 * PAUSE)
    assert counted.read == 6
    assert list(numbers) == list(range(1, 100))


def test_it_reads_while_the_loop_stays_away() -> None:
    counted = Counted(100)
    numbers = Prefetch(iter(counted), size=1000)
    for number in range(10):
        assert next(numbers) == number
        until(lambda: counted.read == 100)


def test_a_loop_that_comes_back_at_once_reads_by_itself() -> None:
    readers = set()

    def items() -> Iterator[int]:
        for number in range(1000):
            readers.add(threading.current_thread())
            yield number

    assert list(Prefetch(items(), size=1)) == list(range(1000))
    assert threading.current_thread() in readers


def test_what_lies_ready_does_not_wait_for_what_comes() -> None:
    comes = threading.Event()

    def items() -> Iterator[int]:
        yield from (0, 1)
        comes.wait(10)
        yield 2

    numbers = Prefetch(items(), size=10)
    until(lambda: len(numbers._ready) == 2)
    time.sleep(2 * PAUSE)  # and the thread is at the third
    assert [next(numbers), next(numbers)] == [0, 1]
    assert not comes.is_set()
    comes.set()
    assert list(numbers) == [2]


def test_an_error_comes_after_what_was_read_before_it() -> None:
    numbers = Prefetch(iter(Counted(3, error=OSError("the network"))), size=10)
    assert [next(numbers) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="the network"):
        next(numbers)
    with pytest.raises(StopIteration):
        next(numbers)


def test_closing_ends_the_thread_and_what_it_reads_from() -> None:
    for size in (1, 5, 1000):
        counted = Counted(1_000_000)
        numbers = Prefetch(iter(counted), size=size)
        assert next(numbers) == 0
        numbers.close()
        assert counted.closed.wait(10)
        assert counted.read <= size + 2
        assert list(numbers) == []


def test_closing_does_not_wait_for_what_comes() -> None:
    asked, comes = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        asked.set()
        comes.wait(10)
        yield 0

    numbers = Prefetch(items(), size=10)
    assert asked.wait(10)
    numbers.close()
    assert not comes.is_set()
    comes.set()
    until(lambda: not numbers._thread.is_alive())
    assert list(numbers) == []
