"""Orders: pure functions from a position in the stream to an index in the selection, evaluated a block at a time."""

from typing import Protocol

import numpy as np
import numpy.typing as npt


class Order(Protocol):
    """An order over `num_samples` indices; it has no state, so any block can be asked for at any time."""

    num_samples: int

    def block(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Indices into the selection, int64 [stop - start], for 0 <= start <= stop <= num_samples."""


class StoredOrder:
    """The order in which the version holds its samples."""

    def __init__(self, num_samples: int) -> None:
        self.num_samples = num_samples

    def block(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """The identity: start, start + 1, …, stop - 1."""
        return np.arange(start, stop, dtype=np.int64)
