"""Pieces: what stands at one place of every line (a constant, a value, a weight), as a column of binary views."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from themisdb_datasets.engine.kernels.gather import HIGH, INLINE, LOW, carried, inline_words, stale
from themisdb_datasets.engine.query.mapping import MappedValue
from themisdb_datasets.engine.shards.shard import Shard
from themisdb_datasets.engine.weights.weighting import UNIT
from themisdb_datasets.vectors import Ints, Mask, Words

Rows = slice | Ints

MAX_UNITS = 2 * UNIT
QUOTE, BRACE, BRACKET, NULL = b'"{[n'


class ShardSource:
    """A shard as lines are made of it: buffer `number`, where the samples begin, and where their fields lie in them."""

    def __init__(self, shard: Shard, number: int, names: Iterable[str]) -> None:
        self.number = number
        self.buffer = shard.buffer
        self.text = np.frombuffer(shard.buffer, np.uint8)
        self.begin = np.asarray(shard.locations)[:, 1]
        self.size = np.asarray(shard.locations)[:, 2]
        # Offset and length in one word: half as many look-ups.
        self.spans = np.asarray(shard.spans).view(np.uint64)[:, :, 0]
        known = {name: field for name in names if (field := shard.field(name)) is not None}
        self.columns = {name: field.span for name, field in known.items()}
        self.nullable = {name for name, field in known.items() if field.nulls}
        self.certain = {name for name, field in known.items() if not field.nulls and not field.absent}


class Batch:
    """Samples of one shard that are rendered together, and where their values lie in its buffer."""

    def __init__(
        self,
        source: ShardSource,
        rows: Rows,
        weights: npt.NDArray[np.uint16],
        factors: npt.NDArray[np.float64] | None,
        buffers: list[pa.Buffer],
    ) -> None:
        self.source = source
        self.factors = factors
        self.rows = rows
        self.weights = weights
        self.buffers = buffers
        self.begin = source.begin[rows]
        self._places: dict[str, tuple[Ints, Ints]] = {}
        self._filled: dict[str, Mask] = {}

    def __len__(self) -> int:
        return len(self.begin)

    def place(self, name: str) -> tuple[Ints, Ints]:
        """Offset and length of a field's values, length 0 for what is absent or null; to be read only."""
        if name not in self._places:
            column = self.source.columns.get(name)
            if column is None:
                nothing = np.zeros(len(self), np.int64)
                return self._places.setdefault(name, (nothing, nothing))
            span = self.source.spans[self.rows, column]
            offset, length = self._within(self.begin + (span & LOW), span >> HIGH)
            if name in self.source.nullable:
                # Only four bytes can be null; so few first bytes are looked up, each of which may be a page
                # of the file.
                four = np.flatnonzero(length == len("null"))
                length[four[self.source.text[offset[four]] == NULL]] = 0
            self._places[name] = offset, length
        return self._places[name]

    def lines(self) -> tuple[Ints, Ints]:
        """Offset and length of the samples themselves, with their LF."""
        return self._within(self.begin, self.source.size[self.rows])

    def _within(self, offset: Words, length: Words) -> tuple[Ints, Ints]:
        size = self.source.buffer.size
        # Before anything is read by them. As unsigned numbers they cannot be negative.
        if len(offset) and (offset.max() > size or (offset + length).max() > size):
            raise stale()
        return offset.view(np.int64), length.view(np.int64)

    def put(self, view: Words, offset: Ints, length: Ints) -> None:
        """Fill `view` with pieces of the shard."""
        # The view's two words: length with an empty prefix, and number of the buffer with the offset above
        # it.
        view[:, 0] = length
        view[:, 1] = offset << 32 | self.source.number
        short = np.flatnonzero(length <= INLINE)
        if len(short):
            view[short] = carried(offset[short], length[short], self.source.buffer)

    def filled(self, value: MappedValue) -> Mask:
        """Where a mapped value is something else than absent, null or an empty text."""
        if value.source not in self._filled:
            self._filled[value.source] = self._some(value)
        return self._filled[value.source]

    def _some(self, value: MappedValue) -> Mask:
        if not value.template:
            offset, length = self.place(value.parts[0].text)
            some = length > 0
            # "" has two bytes, but so has 42.
            two = np.flatnonzero(length == 2)
            some[two[self.source.text[offset[two]] == QUOTE]] = False
            return some
        if any(part.kind == "text" for part in value.parts):
            return np.ones(len(self), np.bool_)
        any_part: Mask = np.logical_or.reduce([self._inside(name)[1] > 0 for name in value.fields])
        return any_part

    def _inside(self, name: str) -> tuple[Ints, Ints, npt.NDArray[np.uint8]]:
        """Offset, length and first byte of a value as it stands in a text: strings without their quotes."""
        offset, length = self.place(name)
        first = np.zeros(len(self), np.uint8)
        some = np.flatnonzero(length)
        first[some] = self.source.text[offset[some]]
        text = first == QUOTE
        # A quote alone, less two, would be a length beyond all bounds.
        if (length[text] < 2).any():
            raise stale()
        return offset + text, length - 2 * text, first

    def put_inside(self, view: Words, name: str) -> None:
        """Fill `view` with a field's values for use within a JSON text."""
        offset, length, first = self._inside(name)
        self.put(view, offset, length)
        nested = np.flatnonzero((first == BRACE) | (first == BRACKET))
        if len(nested):
            self._put_escaped(view, nested, offset[nested], length[nested])

    def _put_escaped(self, view: Words, rows: Ints, offset: Ints, length: Ints) -> None:
        """Lists and objects have to be written anew: as the inside of a JSON text."""
        texts = []
        for start, size in zip(offset.tolist(), length.tolist(), strict=True):
            raw = bytes(self.source.buffer.slice(start, size))
            # Escaped as a text and without its quotes, for the template around it has them.
            texts.append(msgspec.json.encode(raw.decode())[1:-1])
        self.put_texts(view, rows, texts)

    def put_texts(self, view: Words, rows: Ints | list[int], texts: list[bytes]) -> None:
        """Fill some rows of `view` with texts made for them, in a buffer of their own."""
        if not texts:
            return
        where = np.asarray(rows, np.int64)
        sizes = np.array([len(text) for text in texts])
        places = np.cumsum(sizes) - sizes
        joined = pa.py_buffer(b"".join(texts))
        view[where, 0], view[where, 1] = sizes, places << 32 | len(self.buffers)
        short = np.flatnonzero(sizes <= INLINE)
        view[where[short]] = carried(places[short], sizes[short], joined)
        self.buffers.append(joined)


@dataclass(frozen=True)
class TextPiece:
    """The same bytes in every line, or in those where `when` has something in it."""

    text: bytes
    when: MappedValue | None = None

    def fill(self, view: Words, batch: Batch, constant: Words) -> None:
        if self.when is not None:
            # All zeros are a view of no bytes.
            view[~batch.filled(self.when)] = 0


@dataclass(frozen=True)
class ValuePiece:
    """A plain field's raw value; `text` stands where it is absent or null."""

    name: str
    text: bytes = b'""'
    when: MappedValue | None = None

    def fill(self, view: Words, batch: Batch, constant: Words) -> None:
        offset, length = batch.place(self.name)
        batch.put(view, offset, length)
        if self.text and self.name not in batch.source.certain:
            view[length == 0] = constant[0]
        if self.when is not None:
            view[~batch.filled(self.when)] = 0


@dataclass(frozen=True)
class InsidePiece:
    """A field's value inside a text, nothing where it is absent or null."""

    name: str
    when: MappedValue | None = None
    text: bytes = b""

    def fill(self, view: Words, batch: Batch, constant: Words) -> None:
        batch.put_inside(view, self.name)
        if self.when is not None:
            view[~batch.filled(self.when)] = 0


@dataclass(frozen=True)
class KeyPiece:
    """A metadata field's name with its comma, which the first field that a sample has goes without."""

    name: str
    before: tuple[str, ...]
    text: bytes

    def fill(self, view: Words, batch: Batch, constant: Words) -> None:
        here = batch.place(self.name)[1] > 0
        # Which field comes first differs from sample to sample, so each one's comma is decided by those
        # before it.
        first = np.logical_and.reduce([here, *(batch.place(name)[1] == 0 for name in self.before)])
        # The same text from its second byte on: without the comma.
        view[first] = constant[1]
        view[~here] = 0


@dataclass(frozen=True)
class LinePiece:
    """The sample itself, as it is."""

    text: bytes = b""

    def fill(self, view: Words, batch: Batch, constant: Words) -> None:
        batch.put(view, *batch.lines())


@dataclass(frozen=True)
class WeightPiece:
    """The weight with four decimals; `text` has all there are, one after the other, with what stands around them."""

    text: bytes

    def fill(self, view: Words, batch: Batch, constant: Words) -> None:
        # All weights are spelled in equally many bytes, so the text of one is found by multiplying. With what
        # stands around them they are longer than a view can carry.
        size = len(self.text) // (MAX_UNITS + 1)
        place = int(constant[0, 1]) + (batch.weights.astype(np.int64) * size << 32)
        view[:, 0], view[:, 1] = size, place


@dataclass(frozen=True)
class FactorPiece:
    """One factor of the weight, in the fewest digits that tell it from any other number."""

    number: int
    text: bytes = b""

    def fill(self, view: Words, batch: Batch, constant: Words) -> None:
        if batch.factors is None:
            raise ValueError("factors are told where the selection has them")
        column = batch.factors[:, self.number].tolist()
        batch.put_texts(view, list(range(len(column))), msgspec.json.encode(column)[1:-1].split(b","))


@lru_cache(maxsize=8)
def weight_texts(before: bytes, after: bytes) -> bytes:
    """All 20,001 weights from 0.0000 to 2.0000, each with `before` and `after` around it."""
    return b"".join(b"%b%d.%04d%b" % (before, *divmod(units, UNIT), after) for units in range(MAX_UNITS + 1))


class Piece(Protocol):
    """What fills one place of every line; `text` is the constant that it may stand for."""

    @property
    def text(self) -> bytes: ...

    def fill(self, view: Words, batch: Batch, constant: Words) -> None:
        """Fill `view` [lines, 2], which holds `constant` now."""


def constant(text: bytes, place: int) -> Words:
    """Views [2] of a text that stands at `place` in the pool: whole, and without its first byte."""
    whole = np.array([[len(text), place << 32], [max(len(text) - 1, 0), place + 1 << 32]], np.uint64)
    for number, piece in enumerate((text, text[1:])):
        if len(piece) <= INLINE:
            whole[number] = inline_words([piece])[0]
    return whole


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """The same with neighbouring constants in one."""
    out: list[Piece] = []
    for piece in pieces:
        last: Any = out[-1] if out else None
        if isinstance(piece, TextPiece) and isinstance(last, TextPiece) and piece.when == last.when:
            out[-1] = TextPiece(last.text + piece.text, piece.when)
        else:
            out.append(piece)
    return out
