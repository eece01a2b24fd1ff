"""What a shard's builder keeps on disk until all fields are known: spans of growing width, and sample ids."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from themisdb_datasets.fields import Ints

Spans = npt.NDArray[np.uint32]

COPY_BYTES = 4 << 20


class SpanFile:
    """Spans [samples, fields, 2] that are appended in stretches, each as wide as the fields known at its time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("w+b")
        self._starts: list[int] = [0]  # the sample each stretch starts at, and where the last one ends
        self._widths: list[int] = []
        self._places: list[int] = [0]  # the byte each stretch starts at, and where the last one ends

    def append(self, spans: Spans) -> None:
        num, width, _ = spans.shape
        if self._widths and self._widths[-1] == width:
            self._starts[-1] += num
            self._places[-1] += spans.nbytes
        else:
            # A reader in another thread goes by the widths, so they grow last.
            self._starts.append(self._starts[-1] + num)
            self._places.append(self._places[-1] + spans.nbytes)
            self._widths.append(width)
        self._file.write(np.ascontiguousarray(spans).data)

    def flush(self) -> None:
        """What was appended can be read."""
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def is_uniform(self, width: int) -> bool:
        """Whether all spans have this width."""
        return all(known == width for known in self._widths)

    def read(self, first: int, last: int, fields: Ints) -> Spans:
        """The spans of samples first to last, of these fields only; what a stretch does not have yet is absent."""
        spans = np.zeros((last - first, len(fields), 2), np.uint32)
        for number, width in enumerate(self._widths):
            start, end = max(first, self._starts[number]), min(last, self._starts[number + 1])
            if start < end and width:
                place = self._places[number] + (start - self._starts[number]) * width * 8
                stretch = os.pread(self._file.fileno(), (end - start) * width * 8, place)
                known = np.flatnonzero(fields < width)
                some = np.frombuffer(stretch, np.uint32).reshape(end - start, width, 2)
                spans[start - first : end - first, known] = some[:, fields[known]]
        return spans

    def copy_to(self, path: Path, fields: Ints) -> None:
        """Write all spans to `path` in one width."""
        step = max(1, COPY_BYTES // (8 * max(len(fields), 1)))
        with path.open("wb") as file:
            for first in range(0, self._starts[-1], step):
                file.write(self.read(first, min(first + step, self._starts[-1]), fields).data)
