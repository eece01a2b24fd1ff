"""What a shard's builder keeps on disk until all fields are known: spans whose width grows."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from themisdb_datasets.vectors import Ints

Spans = npt.NDArray[np.uint32]

SPANS = "spans"
COPY_BYTES = 4 << 20


class Stretch(NamedTuple):
    """Samples first to last, whose spans have one width and begin at byte `place`."""

    first: int
    last: int
    width: int
    place: int


class SpanFile:
    """Spans [samples, fields, 2] that are appended in stretches, each as wide as the fields known at its time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("wb")
        self._stretches: list[Stretch] = []
        self._num_bytes = 0

    @property
    def num_samples(self) -> int:
        return self._stretches[-1].last if self._stretches else 0

    def append(self, spans: Spans) -> None:
        """Add the spans of further samples [samples, fields, 2], with as many fields as before or more."""
        num, width, _ = spans.shape
        last = self._stretches[-1] if self._stretches else None
        if last is not None and last.width == width:
            self._stretches[-1] = last._replace(last=last.last + num)
        else:
            start = self.num_samples
            self._stretches.append(Stretch(start, start + num, width, self._num_bytes))
        self._num_bytes += spans.nbytes
        self._file.write(np.ascontiguousarray(spans).data)

    def flush(self) -> None:
        """What was appended can be read."""
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def is_uniform(self, width: int) -> bool:
        """Whether all spans have this width."""
        return all(stretch.width == width for stretch in self._stretches)

    def within(self, first: int, last: int) -> list[Stretch]:
        """Where the spans of samples first to last are in the file."""
        return [
            Stretch(
                max(first, each.first),
                min(last, each.last),
                each.width,
                each.place + max(first - each.first, 0) * each.width * 8,
            )
            for each in self._stretches
            if each.first < last and each.last > first
        ]

    def copy_to(self, path: Path, fields: Ints) -> None:
        """Write all spans to `path` in one width."""
        step = max(1, COPY_BYTES // (8 * max(len(fields), 1)))
        with path.open("wb") as file:
            for first in range(0, self.num_samples, step):
                last = min(first + step, self.num_samples)
                file.write(read_spans(self.path, self.within(first, last), fields).data)


def read_spans(path: Path, stretches: Sequence[Stretch], fields: Ints) -> Spans:
    """The spans of these neighbouring stretches, of these fields only; what a stretch does not have yet is absent."""
    first, last = stretches[0].first, stretches[-1].last
    spans = np.zeros((last - first, len(fields), 2), np.uint32)
    with path.open("rb", buffering=0) as file:
        for start, end, width, place in stretches:
            if not width:
                continue
            stretch = os.pread(file.fileno(), (end - start) * width * 8, place)
            # Fields get their places one after the other, so a stretch that is narrower lacks those from its
            # width on.
            known = np.flatnonzero(fields < width)
            some = np.frombuffer(stretch, np.uint32).reshape(end - start, width, 2)
            spans[start - first : end - first, known] = some[:, fields[known]]
    return spans
