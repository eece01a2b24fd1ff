"""Reading ahead in a thread while a loop is busy with something else, as far as a bounded buffer reaches."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")
PAUSE = 0.005  # seconds


class Prefetch(Generic[Item]):
    """Iterates `items` in order and to the end; a thread reads ahead while nobody asks for any.

    A loop that is back at once reads on by itself: a thread beside it would only take the interpreter away from it. Once
    it stays away for a pause, as while a model computes, the thread reads until `size` (of what `weigh` says an item
    counts) lies ready. An error comes up where the items end. Closing never waits, and ends the thread after the item
    under way. For one loop.
    """

    def __init__(
        self, items: Iterator[Item], *, size: int, weigh: Callable[[Item], int] = lambda item: 1
    ) -> None:
        self._items, self._size, self._weigh = items, max(size, 1), weigh
        self._ready: deque[Item] = deque()
        self._asked = 0  # how often the loop has come
        self._reading = threading.Lock()  # held by the one who reads
        self._read_size = 0  # of all that was read; changed by that one only
        self._taken_size = 0  # of what the loop has taken; changed by the loop only
        self._changed = threading.Event()
        self._ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read_ahead, name="themis-prefetch", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        self._asked += 1
        if not self._ready:
            with self._reading:
                if not self._ready:
                    self._read()
        if self._ready:
            # A thread that waits because all is full has no end to its waiting, so it has to be woken.
            item, full = self._ready.popleft(), self._full
            self._taken_size += self._weigh(item)
            if full:
                self._changed.set()
            return item
        error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopIteration

    def close(self) -> None:
        """Let go what was read and end the thread; what it reads from is closed by itself then."""
        self._ended = True
        self._ready.clear()
        self._changed.set()

    @property
    def _full(self) -> bool:
        return self._read_size - self._taken_size >= self._size

    def _read(self) -> None:
        """Read one item, unless that was the last."""
        if self._ended:
            return
        try:
            item = next(self._items)
        except StopIteration:
            self._ended = True
        except BaseException as error:  # noqa: BLE001 - whatever it is, the loop raises it
            self._error, self._ended = error, True
        else:
            if not self._ended:  # by being closed
                self._read_size += self._weigh(item)
                self._ready.append(item)

    def _read_ahead(self) -> None:
        seen = 0
        while not self._ended:
            if self._asked == seen and not self._full:
                with self._reading:
                    self._read()
                continue
            # The loop has come since, and so reads by itself; or all is full.
            seen = self._asked
            self._changed.clear()
            if not self._ended:
                self._changed.wait(None if self._full else PAUSE)
        with self._reading:
            close = getattr(self._items, "close", None)
            if close is not None:
                close()
