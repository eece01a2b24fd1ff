"""Formats: from samples to export lines as rows of pieces (constant, span, weight), without parsing any JSON.

A line is a fixed row of pieces. A value is the sample's own bytes; what a sample lacks has length 0. Only lists and
objects inside a template need decoding, because they are put into a text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from themisdb_datasets.gather import INLINE, VIEW, Views, gather, inline_short, inline_views
from themisdb_datasets.mapping import MappedValue, parse_value
from themisdb_datasets.shard import Shard
from themisdb_datasets.version import OpenVersion
from themisdb_datasets.weights import UNIT

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Unsigned = TypeVar("Unsigned", np.uint32, np.uint64)

QUOTE, BRACE, BRACKET, NULL = ord('"'), ord("{"), ord("["), ord("n")
WEIGHTS = inline_views([b"%d.%04d" % divmod(units, UNIT) for units in range(2 * UNIT + 1)])
FORMATS = ("instruction_tuning", "chat_completion", "text_completion", "raw")


@dataclass(frozen=True)
class Format:
    """What a line looks like. `mapping` has the roles that the format uses (instruction, input, output, text, system,
    user, assistant, messages); `metadata` the fields copied beside them; `weight` whether the line carries its weight.
    """

    name: str
    mapping: dict[str, MappedValue] = field(default_factory=dict)
    metadata: tuple[str, ...] = ()
    weight: bool = True

    def to_document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "mapping": {role: value.source for role, value in self.mapping.items()},
            "metadata": list(self.metadata),
            "weight": self.weight,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Format":
        """The format that `to_document` wrote."""
        mapping = {role: parse_value(source) for role, source in document["mapping"].items()}
        return cls(document["name"], mapping, tuple(document["metadata"]), document["weight"])

    @property
    def output(self) -> MappedValue | None:
        """What the model shall learn to say; the length factor and the output filters look at it."""
        role = {"instruction_tuning": "output", "chat_completion": "assistant", "text_completion": "text"}
        if self.name == "raw":
            return None
        return self.mapping.get("messages") or self.mapping.get(role[self.name])

    @property
    def fields(self) -> list[str]:
        """Every field that a line reads."""
        names = dict.fromkeys(name for value in self.mapping.values() for name in value.fields)
        return list(dict.fromkeys([*names, *self.metadata]))


@dataclass
class Lines:
    """Lines before they are joined: views [rows, pieces] into buffers, and each line's length in bytes."""

    views: Views
    buffers: list[pa.Buffer]
    sizes: Ints

    def join(self, start: int, stop: int) -> memoryview:
        """The bytes of lines start to stop."""
        return gather(self.views[start:stop], self.buffers, inlined=True)


class Renderer:
    """Renders samples of one version in one format; holds no state, so threads may share it."""

    def __init__(self, version: OpenVersion, form: Format) -> None:
        self.version = version
        self.form = form
        self.fields = form.fields
        self.steps = [] if form.name == "raw" else list(_steps(form))
        pool = b"".join(step.text for step in self.steps)
        places = np.cumsum([0, *(len(step.text) for step in self.steps)]).tolist()
        self.constants = [
            _constant(step.text, place) for step, place in zip(self.steps, places, strict=False)
        ]
        self.taken = [number for number, step in enumerate(self.steps) if isinstance(step, _Value | _Inside)]
        self.columns = [_span_columns(part, self.fields) for part in version.parts]
        self.buffers = [pa.py_buffer(pool or b" "), *(part.buffer for part in version.parts)]

    def lines(self, positions: Ints, weights: npt.NDArray[np.uint16]) -> Lines:
        """The lines of the samples at `positions` of the version, with `weights` in units of 1/10,000."""
        if self.form.name == "raw":
            return self._raw(positions)
        batch = _Batch(self, positions)
        views = np.zeros((len(positions), len(self.steps)), VIEW)
        for number, step in enumerate(self.steps):
            step.fill(views[:, number], batch, self.constants[number], weights)
        sizes = views["length"].sum(axis=1, dtype=np.int64)
        # Constants and weights carry their bytes already; what was taken from the samples does not yet.
        taken = np.ascontiguousarray(views[:, self.taken])
        inline_short(taken.reshape(-1), batch.buffers)
        views[:, self.taken] = taken
        return Lines(views, batch.buffers, sizes)

    def _raw(self, positions: Ints) -> Lines:
        views = np.zeros((len(positions), 1), VIEW)
        for number, rows, mine in self.by_part(positions):
            place = self.version.parts[number].locations[rows]
            views["buffer"][mine, 0] = number + 1
            views["offset"][mine, 0], views["length"][mine, 0] = place[:, 1], place[:, 2]
        inline_short(views[:, 0], self.buffers)
        return Lines(views, self.buffers, views["length"][:, 0].astype(np.int64))

    def by_part(self, positions: Ints) -> list[tuple[int, Ints, Any]]:
        """(shard number, rows in it, which of `positions` these are) for every shard that is touched."""
        starts = self.version.starts
        if len(self.version.parts) == 1:
            return [(0, positions, slice(None))]
        part = np.searchsorted(starts, positions, side="right") - 1
        found = []
        for number in np.unique(part).tolist():
            mine = np.flatnonzero(part == number)
            found.append((number, positions[mine] - starts[number], mine))
        return found


def _constant(text: bytes, place: int) -> Views:
    """Views [3] of a text that stands at `place` in the pool: whole, without its first byte, and by its place only."""
    views = np.zeros(3, VIEW)
    views["offset"], views["length"] = (
        (place, place + 1, place),
        (len(text), max(len(text) - 1, 0), len(text)),
    )
    for number, piece in enumerate((text, text[1:])):
        if len(piece) <= INLINE:
            views[number] = inline_views([piece])[0]
    return views


def _taken(array: npt.NDArray[Unsigned], rows: Ints, column: int) -> npt.NDArray[Unsigned]:
    """array[rows, column]; neighbouring rows, as stored order has them, are a slice and cost no look-ups."""
    if (
        len(rows)
        and int(rows[-1]) - int(rows[0]) + 1 == len(rows)
        and (len(rows) == 1 or (np.diff(rows) == 1).all())
    ):
        rows_there: npt.NDArray[Unsigned] = array[int(rows[0]) : int(rows[-1]) + 1, column]
    else:
        rows_there = array[rows, column]
    return rows_there


def _span_columns(part: Shard, names: Sequence[str]) -> npt.NDArray[np.intp]:
    """Which span of the shard each field has; the column after the last, which is always empty, where it has none."""
    spans = []
    for name in names:
        known = part.field(name)
        spans.append(-1 if known is None or known.span is None else known.span)
    return np.array(spans, np.intp)


class _Batch:
    """Where the fields of a batch of samples lie: offset, length, buffer; length 0 for what is absent or null."""

    def __init__(self, renderer: Renderer, positions: Ints) -> None:
        self.index = {name: number for number, name in enumerate(renderer.fields)}
        self.rows = len(positions)
        shape = (len(renderer.fields), self.rows)
        self.offset, self.length = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.buffer = np.zeros(self.rows, np.int32)
        self.buffers = list(renderer.buffers)
        self._data = [np.frombuffer(buffer, np.uint8) for buffer in renderer.buffers]
        for number, rows, mine in renderer.by_part(positions):
            part = renderer.version.parts[number]
            begin = _taken(np.asarray(part.locations), rows, 1).astype(np.int64)
            self.buffer[mine] = number + 1
            for at, column in enumerate(renderer.columns[number].tolist()):
                if column >= 0:
                    span = _taken(np.asarray(part.spans), rows, column)
                    self.offset[at, mine], self.length[at, mine] = begin + span[:, 0], span[:, 1]
        for at in range(len(renderer.fields)):
            four = np.flatnonzero(self.length[at] == 4)
            self.length[at, four[self.first(at, four) == NULL]] = 0

    def first(self, at: int, rows: Ints) -> npt.NDArray[np.uint8]:
        """The first byte of a field's value in some rows; all of them must have one."""
        out = np.empty(len(rows), np.uint8)
        for number in np.unique(self.buffer[rows]).tolist():
            mine = np.flatnonzero(self.buffer[rows] == number)
            offset = self.offset[at, rows[mine]]
            data = self._data[number]
            # A stale offset reads the file's last byte here and is refused when the pieces are joined.
            out[mine] = data[np.minimum(offset, len(data) - 1)]
        return out

    def filled(self, value: MappedValue) -> Mask:
        """Where a mapped value is something else than absent, null or an empty text."""
        if not value.template:
            at = self.index[value.parts[0].text]
            some: Mask = self.length[at] > 0
            two = np.flatnonzero(self.length[at] == 2)
            some[two[self.first(at, two) == QUOTE]] = False
            return some
        if any(part.kind == "text" for part in value.parts):
            return np.ones(self.rows, np.bool_)
        inside = np.array([self._inside(name)[1] > 0 for name in value.fields])
        return inside.any(axis=0)

    def _inside(self, name: str) -> tuple[Ints, Ints, Ints]:
        """Offset, length and first byte of a value as it stands in a text: strings without their quotes."""
        at = self.index[name]
        offset, length = self.offset[at].copy(), self.length[at].copy()
        some = np.flatnonzero(length > 0)
        first = np.zeros(self.rows, np.int64)
        first[some] = self.first(at, some)
        text = first == QUOTE
        offset[text] += 1
        length[text] -= 2
        return offset, length, first

    def put_inside(self, view: Views, name: str) -> None:
        """Fill `view` with a field's value for use within a JSON text."""
        offset, length, first = self._inside(name)
        view["buffer"], view["offset"], view["length"] = self.buffer, offset, length
        nested = np.flatnonzero((first == BRACE) | (first == BRACKET))
        if len(nested):
            self._put_escaped(view, nested)

    def _put_escaped(self, view: Views, rows: Ints) -> None:
        """Lists and objects are the one thing that has to be written anew: as the inside of a JSON text."""
        texts = []
        for row in rows.tolist():
            source = self.buffers[int(view["buffer"][row])]
            start, size = int(view["offset"][row]), int(view["length"][row])
            raw = bytes(source.slice(start, size)) if start + size <= source.size else b""
            texts.append(msgspec.json.encode(raw.decode())[1:-1])
        ends = np.cumsum([len(text) for text in texts])
        view["buffer"][rows] = len(self.buffers)
        view["length"][rows] = [len(text) for text in texts]
        view["offset"][rows] = ends - view["length"][rows]
        self.buffers.append(pa.py_buffer(b"".join(texts)))


_NOTHING = np.zeros(1, VIEW)[0]

# --- steps: one column of pieces each ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Text:
    """The same bytes in every line, or in those where `when` has something in it."""

    text: bytes
    when: MappedValue | None = None

    def fill(self, view: Views, batch: _Batch, constant: Views, weights: npt.NDArray[np.uint16]) -> None:
        view[:] = constant[0]
        if self.when is not None:
            view[~batch.filled(self.when)] = _NOTHING


@dataclass(frozen=True)
class _Value:
    """A plain field's raw value; `text` stands where it is absent or null."""

    name: str
    text: bytes = b'""'
    when: MappedValue | None = None

    def fill(self, view: Views, batch: _Batch, constant: Views, weights: npt.NDArray[np.uint16]) -> None:
        at = batch.index[self.name]
        view["buffer"], view["offset"], view["length"] = batch.buffer, batch.offset[at], batch.length[at]
        if self.text:
            view[batch.length[at] == 0] = constant[2]
        if self.when is not None:
            view["length"][~batch.filled(self.when)] = 0


@dataclass(frozen=True)
class _Inside:
    """A field's value inside a text."""

    name: str
    when: MappedValue | None = None
    text: bytes = b""

    def fill(self, view: Views, batch: _Batch, constant: Views, weights: npt.NDArray[np.uint16]) -> None:
        batch.put_inside(view, self.name)
        if self.when is not None:
            view["length"][~batch.filled(self.when)] = 0


@dataclass(frozen=True)
class _Key:
    """A metadata field's name with its comma, which the first field that a sample has goes without."""

    name: str
    before: tuple[str, ...]
    text: bytes

    def fill(self, view: Views, batch: _Batch, constant: Views, weights: npt.NDArray[np.uint16]) -> None:
        here = batch.length[batch.index[self.name]] > 0
        first = np.logical_and.reduce([here, *(batch.length[batch.index[name]] == 0 for name in self.before)])
        view[:] = constant[0]
        view[first] = constant[1]
        view[~here] = _NOTHING


@dataclass(frozen=True)
class _Weight:
    """The weight with four decimals."""

    text: bytes = b""

    def fill(self, view: Views, batch: _Batch, constant: Views, weights: npt.NDArray[np.uint16]) -> None:
        view[:] = WEIGHTS[weights]


Step = _Text | _Value | _Inside | _Key | _Weight


def _steps(form: Format) -> list[Step]:
    body = {
        "instruction_tuning": _instruction,
        "chat_completion": _chat,
        "text_completion": _completion,
    }[form.name](form.mapping)
    if form.weight:
        body += [_Text(b',"weight":'), _Weight()]
    if form.metadata:
        body.append(_Text(b',"metadata":{'))
        for number, name in enumerate(form.metadata):
            key = b"," + msgspec.json.encode(name) + b":"
            body += [_Key(name, form.metadata[:number], key), _Value(name, b"")]
        body.append(_Text(b"}"))
    return [*body, _Text(b"}\n")]


def _instruction(mapping: dict[str, MappedValue]) -> list[Step]:
    steps: list[Step] = [_Text(b'{"instruction":'), *_mapped(mapping["instruction"])]
    if "input" in mapping:
        given = mapping["input"]
        steps += [_Text(b',"input":', given), *_mapped(given, when=given)]
    return [*steps, _Text(b',"output":'), *_mapped(mapping["output"])]


def _chat(mapping: dict[str, MappedValue]) -> list[Step]:
    if "messages" in mapping:
        return [_Text(b'{"messages":'), _Value(mapping["messages"].parts[0].text, b"[]")]
    steps: list[Step] = [_Text(b'{"messages":[')]
    if "system" in mapping:
        given = mapping["system"]
        steps += [
            _Text(b'{"role":"system","content":', given),
            *_mapped(given, when=given),
            _Text(b"},", given),
        ]
    steps += [_Text(b'{"role":"user","content":'), *_mapped(mapping["user"])]
    return [*steps, _Text(b'},{"role":"assistant","content":'), *_mapped(mapping["assistant"]), _Text(b"}]")]


def _completion(mapping: dict[str, MappedValue]) -> list[Step]:
    return [_Text(b'{"text":'), *_mapped(mapping["text"])]


def _mapped(value: MappedValue, *, when: MappedValue | None = None) -> list[Step]:
    if not value.template:
        return [_Value(value.parts[0].text, when=when)]
    steps: list[Step] = [_Text(b'"', when)]
    for part in value.parts:
        if part.kind == "text":
            steps.append(_Text(msgspec.json.encode(part.text)[1:-1], when))
        else:
            steps.append(_Inside(part.text, when))
    return [*steps, _Text(b'"', when)]
