"""Reading ahead in a thread, as far as a bounded buffer reaches."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Prefetch(Generic[Item]):
    """Iterates what a thread reads ahead from `items`, in order and to the end.

    The thread stops reading while `size` (of what `weigh` says an item counts) lies ready; the one item that goes beyond
    it is kept. Its error comes up where its items end. Closing stops the thread after the item under way.
    """

    def __init__(
        self, items: Iterator[Item], *, size: int, weigh: Callable[[Item], int] = lambda item: 1
    ) -> None:
        self._items, self._size, self._weigh = items, max(size, 1), weigh
        self._ready: deque[Item] = deque()
        self._waiting = 0
        self._changed = threading.Condition()
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="themis-prefetch", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        with self._changed:
            while not self._ready and not self._ended:
                self._changed.wait()
            if self._ready:
                item = self._ready.popleft()
                self._waiting -= self._weigh(item)
                self._changed.notify_all()
                return item
            error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopIteration

    def close(self) -> None:
        """Let go what was read and end the thread; what it reads from is closed by itself then."""
        with self._changed:
            self._closed = self._ended = True
            self._ready.clear()
            self._changed.notify_all()

    def _read(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._items:
                if not self._put(item):
                    break
        except BaseException as raised:  # noqa: BLE001 - whatever it is, the reader raises it
            error = raised
        finally:
            close = getattr(self._items, "close", None)
            if close is not None:
                close()
            with self._changed:
                self._error, self._ended = error, True
                self._changed.notify_all()

    def _put(self, item: Item) -> bool:
        with self._changed:
            while self._waiting >= self._size and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            self._ready.append(item)
            self._waiting += self._weigh(item)
            self._changed.notify_all()
            return True
