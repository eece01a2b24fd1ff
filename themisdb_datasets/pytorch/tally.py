"""Samples handed out one by one, and how many: counted by what is left, so that none of them costs a step of Python."""

from collections.abc import Iterator
from itertools import chain
from operator import length_hint
from typing import TypeVar

Item = TypeVar("Item")


class Tally:
    """How many items were handed out, `done` before the first list."""

    def __init__(self, done: int = 0) -> None:
        self._begun = done  # items of all lists up to this one
        self._left: Iterator[object] = iter(())

    @property
    def done(self) -> int:
        """The number of them by now."""
        # A list's iterator knows how much of it is left (PEP 424).
        return self._begun - length_hint(self._left)

    def over(self, lists: Iterator[list[Item]]) -> Iterator[Item]:
        """The items of these lists, counted; the lists belong to the answer alone, and end with it."""
        return chain.from_iterable(self._each(lists))

    def _each(self, lists: Iterator[list[Item]]) -> Iterator[Iterator[Item]]:
        for items in lists:
            left = iter(items)
            self._begun, self._left = self._begun + len(items), left
            yield left
