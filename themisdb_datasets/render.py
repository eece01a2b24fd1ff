"""Formats: from samples to export lines as rows of pieces (constant, span, weight), without parsing any JSON.

A line is a fixed row of pieces. A value is the sample's own bytes; what a sample lacks has length 0. Only lists and
objects inside a template need decoding, because they are put into a text.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from themisdb_datasets.gather import LOW, Words, gather
from themisdb_datasets.mapping import MappedValue, parse_value
from themisdb_datasets.pieces import (
    Batch,
    Inside,
    Ints,
    Key,
    Line,
    Piece,
    Rows,
    Source,
    Text,
    Value,
    Weight,
    constant,
    joined,
    weight_texts,
)
from themisdb_datasets.version import OpenVersion

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
        self.starts = version.starts
        self.sources = [
            Source(part, number, form.fields) for number, part in enumerate(version.parts, start=1)
        ]
        certain = set.intersection(*(source.certain for source in self.sources)) if self.sources else set()
        pieces = joined(_pieces(form, certain))
        pool = b"".join(piece.text for piece in pieces)
        places = np.cumsum([0, *(len(piece.text) for piece in pieces)]).tolist()
        constants = [constant(piece.text, place) for piece, place in zip(pieces, places, strict=False)]
        self.template = np.stack([each[0] for each in constants])
        # What is the same in every line stands in the template, the rest is filled in.
        self.pieces = [
            (number, piece, constants[number])
            for number, piece in enumerate(pieces)
            if not isinstance(piece, Text) or piece.when is not None
        ]
        self.buffers = [pa.py_buffer(pool), *(part.buffer for part in version.parts)]

    def lines(
        self,
        positions: Ints,
        weights: npt.NDArray[np.uint16],
        factors: npt.NDArray[np.float64] | None = None,
    ) -> Lines:
        """The lines of the samples at `positions` of the version, with `weights` in units of 1/10,000."""
        words = np.empty((len(positions), *self.template.shape), np.uint64)
        words[:] = self.template
        buffers = list(self.buffers)
        for source, rows, mine in self._by_source(positions):
            part = words[mine]
            batch = Batch(source, rows, weights[mine], buffers)
            for number, piece, text in self.pieces:
                piece.fill(part[:, number], batch, text)
            if not isinstance(mine, slice):
                words[mine] = part
        return Lines(words, buffers)

    def _by_source(self, positions: Ints) -> Iterator[tuple[Source, Rows, Rows]]:
        """(source, rows in it, which of `positions` these are) for every shard that is touched."""
        part = np.searchsorted(self.starts, positions, side="right") - 1
        if len(part) and part.min() == part.max():
            number = int(part[0])
            yield self.sources[number], _rows(positions - self.starts[number]), slice(None)
            return
        for number in np.unique(part).tolist():
            mine = np.flatnonzero(part == number)
            yield self.sources[number], _rows(positions[mine] - self.starts[number]), mine


def _rows(rows: Ints) -> Rows:
    """Neighbouring rows, as stored order has them, as a slice, which costs no look-ups."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if (np.diff(rows) == 1).all() else rows


def _pieces(form: Format, certain: Set[str]) -> list[Piece]:
    """A line of the format; `certain` fields have a value in every sample."""
    if form.name == "raw":
        return [Line()]
    body = {
        "instruction_tuning": _instruction,
        "chat_completion": _chat,
        "text_completion": _completion,
    }[form.name](form.mapping)
    after = b',"metadata":{' if form.metadata else b"}\n"
    body.append(Weight(weight_texts(b',"weight":', after)) if form.weight else Text(after))
    for number, name in enumerate(form.metadata):
        key, before = b"," + msgspec.json.encode(name) + b":", form.metadata[:number]
        if name in certain and (not before or not certain.isdisjoint(before)):
            body.append(Text(key if before else key[1:]))
        else:
            body.append(Key(name, before, key))
        body.append(Value(name, b""))
    return [*body, Text(b"}}\n")] if form.metadata else body


def _instruction(mapping: dict[str, MappedValue]) -> list[Piece]:
    pieces: list[Piece] = [Text(b'{"instruction":'), *_mapped(mapping["instruction"])]
    if "input" in mapping:
        given = mapping["input"]
        pieces += [Text(b',"input":', given), *_mapped(given, when=given)]
    return [*pieces, Text(b',"output":'), *_mapped(mapping["output"])]


def _chat(mapping: dict[str, MappedValue]) -> list[Piece]:
    if "messages" in mapping:
        return [Text(b'{"messages":'), Value(mapping["messages"].parts[0].text, b"[]")]
    pieces: list[Piece] = [Text(b'{"messages":[')]
    if "system" in mapping:
        given = mapping["system"]
        pieces += [
            Text(b'{"role":"system","content":', given),
            *_mapped(given, when=given),
            Text(b"},", given),
        ]
    pieces += [Text(b'{"role":"user","content":'), *_mapped(mapping["user"])]
    return [*pieces, Text(b'},{"role":"assistant","content":'), *_mapped(mapping["assistant"]), Text(b"}]")]


def _completion(mapping: dict[str, MappedValue]) -> list[Piece]:
    return [Text(b'{"text":'), *_mapped(mapping["text"])]


def _mapped(value: MappedValue, *, when: MappedValue | None = None) -> list[Piece]:
    if not value.template:
        return [Value(value.parts[0].text, when=when)]
    pieces: list[Piece] = [Text(b'"', when)]
    for part in value.parts:
        if part.kind == "text":
            pieces.append(Text(msgspec.json.encode(part.text)[1:-1], when))
        else:
            pieces.append(Inside(part.text, when))
    return [*pieces, Text(b'"', when)]
