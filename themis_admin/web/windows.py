"""Sequences that are read a page at a time, as the paginator takes them."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar, overload

T = TypeVar("T")


# Django's paginator takes any sequence: it asks for its length and for one slice. That is all this has to
# answer, so a version of a hundred million samples is paged through without a list of them.
class Cut(Sequence[T]):
    """A sequence that is read a page at a time, never as a whole: what Django's paginator takes."""

    @abstractmethod
    def between(self, start: int, stop: int) -> list[T]:
        """The items from `start` up to `stop`, both inside."""

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            start, stop, _ = index.indices(len(self))
            return self.between(start, stop)
        return self.between(index, index + 1)[0]
