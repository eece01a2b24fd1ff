"""Rendering: from samples to export lines as rows of pieces (constant, span, weight), without parsing any JSON.

A line is a fixed row of pieces. A value is the sample's own bytes; what a sample lacks has length 0. Only conversations
of another shape, and lists and objects inside a text, need decoding.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from themisdb_datasets.engine.kernels.gather import LOW, gather
from themisdb_datasets.engine.rendering.formats import Format, pieces_of
from themisdb_datasets.engine.rendering.pieces import Batch, Rows, ShardSource, TextPiece, constant, joined
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.vectors import Ints, Words


@dataclass
class RenderedLines:
    """Lines before they are joined: views [lines, pieces, 2] into buffers."""

    words: Words
    buffers: list[pa.Buffer]

    def join(self, start: int, stop: int) -> memoryview:
        """The bytes of lines start to stop."""
        return gather(self.words[start:stop], self.buffers, inlined=True)

    @property
    def sizes(self) -> Ints:
        """Each line's length in bytes."""
        sizes: Ints = (self.words[:, :, 0] & LOW).sum(axis=1).astype(np.int64)
        return sizes

    def cuts(self, *, least: int, usual_bytes: int, most_bytes: int) -> Iterator[tuple[int, int]]:
        """Where to part the lines (start, stop): at about `usual_bytes`, or at `least` lines where these are more.

        No part is larger than `most_bytes`, unless it is one line.
        """
        ends = np.concatenate([[0], np.cumsum(self.sizes)])
        start, count = 0, len(self.words)
        while start < count:
            usual, most = (
                np.searchsorted(ends, ends[start] + [usual_bytes, most_bytes], side="right") - 1
            ).tolist()
            stop = min(max(usual, min(start + least, most), start + 1), count)
            yield start, stop
            start = stop


class Renderer:
    """Renders samples of one version in one format; holds no state, so threads may share it."""

    def __init__(self, version: OpenVersion, form: Format) -> None:
        self.version = version
        self.sources = [
            ShardSource(part, number, form.fields) for number, part in enumerate(version.parts, start=1)
        ]
        # A field that every sample of every shard has needs no second spelling, so what stands around it is
        # constant.
        certain = set.intersection(*(source.certain for source in self.sources)) if self.sources else set()
        pieces = joined(pieces_of(form, certain))
        places = np.cumsum([0, *(len(piece.text) for piece in pieces)]).tolist()
        constants = [constant(piece.text, place) for piece, place in zip(pieces, places, strict=False)]
        self.template = np.stack([each[0] for each in constants])
        # What is the same in every line stands in the template, the rest is filled in.
        self.pieces = [
            (number, piece, constants[number])
            for number, piece in enumerate(pieces)
            if not isinstance(piece, TextPiece) or piece.when is not None
        ]
        self.buffers = [
            _pool(tuple(piece.text for piece in pieces)),
            *(part.buffer for part in version.parts),
        ]

    def lines(
        self,
        positions: Ints,
        weights: npt.NDArray[np.uint16],
        factors: npt.NDArray[np.float64] | None = None,
    ) -> RenderedLines:
        """The lines of the samples at `positions` of the version, with `weights` in units of 1/10,000.

        `factors` [n, number of factors] are for a format that explains its weights.
        """
        words = np.empty((len(positions), *self.template.shape), np.uint64)
        words[:] = self.template
        buffers = list(self.buffers)
        for source, rows, mine in self._by_source(positions):
            # Of a slice this is a view, filled in place; of an array of rows a copy, which has to be put
            # back.
            part = words[mine]
            told = None if factors is None else factors[mine]
            batch = Batch(source, rows, weights[mine], told, buffers)
            for number, piece, text in self.pieces:
                piece.fill(part[:, number], batch, text)
            if not isinstance(mine, slice):
                words[mine] = part
        return RenderedLines(words, buffers)

    def _by_source(self, positions: Ints) -> Iterator[tuple[ShardSource, Rows, Rows]]:
        """(source, rows in it, which of `positions` these are) for every shard that is touched."""
        rows, starts = self.version.rows_of(positions), self.version.row_starts
        part = np.searchsorted(starts, rows, side="right") - 1
        # Stored order seldom crosses from one shard into another.
        if len(part) and part.min() == part.max():
            number = int(part[0])
            yield self.sources[number], _rows(rows - starts[number]), slice(None)
            return
        for number in np.unique(part).tolist():
            mine = np.flatnonzero(part == number)
            yield self.sources[number], _rows(rows[mine] - starts[number]), mine


@lru_cache(maxsize=256)
def _pool(texts: tuple[bytes, ...]) -> pa.Buffer:
    """The constants of a format in one buffer, shared by all that render it: the weights alone are 350 kB."""
    return pa.py_buffer(b"".join(texts))


def _rows(rows: Ints) -> Rows:
    """Neighbouring rows, as stored order has them, as a slice, which costs no look-ups."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if (np.diff(rows) == 1).all() else rows
