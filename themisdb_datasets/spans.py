"""Where the values of a line's fields lie: every line is decoded once, strictly, and the places of its raw values kept."""

from dataclasses import dataclass
from itertools import chain

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from themisdb_datasets.fields import (
    ARRAY,
    MAX_FIELDS,
    NULL,
    NUM_CODES,
    OBJECT,
    Bytes,
    Field,
    Ints,
    classify,
    describe,
)
from themisdb_datasets.jsonl import Block, Reject
from themisdb_datasets.raws import places
from themisdb_datasets.reasons import MAX_DEPTH, MAX_MEMBERS, explain, not_utf8, too_deep, too_many_members

Spans = npt.NDArray[np.uint32]
Path = tuple[str, ...]

MAX_LAYOUTS = 10_000  # remembered orders of names
NONE = np.empty(0, np.int64)
Object = dict[str, msgspec.Raw]
DECODER = msgspec.json.Decoder(Object)
DECODE, DECODE_LINES = DECODER.decode, DECODER.decode_lines


@dataclass(frozen=True)
class Checked:
    """Some lines of a block: which of them are samples, and the spans [samples, fields so far, 2] of these."""

    rows: Ints  # of the block
    spans: Spans
    rejects: list[Reject]


@dataclass
class _Values:
    """Raw values, one an element: of which row of the block and which field, and where in its data."""

    rows: Ints
    ids: Ints
    offsets: Ints
    lengths: Ints

    def where(self, keep: npt.NDArray[np.bool_]) -> "_Values":
        return _Values(self.rows[keep], self.ids[keep], self.offsets[keep], self.lengths[keep])


class FieldTable:
    """The fields of one shard in order of first appearance, at most MAX_FIELDS, with how often each had which type.

    Lines without the field `key` are no samples, where one is given.
    """

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.paths: list[Path] = []
        self.counts: Ints = np.zeros((MAX_FIELDS, NUM_CODES), np.int64)
        self.has_rest = False  # some sample has a top-level field that is not in the table
        self._ids: dict[Path, int] = {}
        self._layouts: dict[Path, dict[Path, Ints]] = {}  # per parent: its names in their order -> their ids

    def fields(self, num_samples: int) -> list[Field]:
        """What was seen, after `num_samples` samples."""
        return describe(self.paths, self.counts, num_samples=num_samples)

    def check(self, block: Block, start: int, stop: int) -> Checked:
        """Decode lines start to stop of `block`; samples' fields are counted, and those seen first get a place."""
        array = np.frombuffer(block.data, np.uint8)
        reasons = _unreadable(block, start, stop)
        rows = np.arange(start, stop)
        rows = rows[~np.isin(rows, list(reasons))] if reasons else rows
        objects = _objects(block, rows, reasons)
        rows = rows[~np.isin(rows, list(reasons))] if reasons else rows
        values = self._values((), objects, block.data, rows)
        codes = classify(array, values.offsets, values.lengths)
        if reasons or (values.lengths[codes >= ARRAY] >= 2 * MAX_DEPTH).any():
            _find_deep(block, values, codes, reasons)
            good = ~np.isin(values.rows, list(reasons))
            values, codes = values.where(good), codes[good]
            rows = rows[~np.isin(rows, list(reasons))]
        num_outer = len(values.rows)
        values, codes = self._with_members(block.data, array, values, codes)
        if self.key:
            keyed = self._with_key(values, codes)
            reasons |= {row: self._no_key() for row in np.setdiff1d(rows, keyed).tolist()}
            good = np.isin(values.rows, keyed)
            num_outer = int(np.count_nonzero(good[:num_outer]))
            values, codes, rows = values.where(good), codes[good], rows[np.isin(rows, keyed)]
        values, codes = self._admit(values, codes, num_outer)
        spans = np.zeros((len(rows), len(self.paths), 2), np.uint32)
        samples = np.searchsorted(rows, values.rows)
        spans[samples, values.ids, 0] = values.offsets - block.starts[values.rows]
        spans[samples, values.ids, 1] = values.lengths
        self.counts += np.bincount(values.ids * NUM_CODES + codes, minlength=MAX_FIELDS * NUM_CODES).reshape(
            MAX_FIELDS, NUM_CODES
        )
        return Checked(rows, spans, [block.reject(row, *reasons[row]) for row in sorted(reasons)])

    def _with_key(self, values: _Values, codes: Bytes) -> Ints:
        """The rows whose key is a text, a number, true or false."""
        ids = [number for path, number in self._ids.items() if ".".join(path) == self.key]
        return np.unique(values.rows[np.isin(values.ids, ids) & (codes < NULL)])

    def _no_key(self) -> tuple[str, str]:
        return "missing_key", f"The sample has no {self.key!r}, or none that is a text or a number."

    def _values(self, parent: Path, objects: list[Object], data: bytes, rows: Ints) -> _Values:
        """The members of `objects`, which were decoded from `data`; the i-th is of row rows[i]."""
        layouts = self._layouts.setdefault(parent, {})
        names = list(map(tuple, objects))
        distinct = set(names)
        for each in distinct - layouts.keys():
            layouts[each] = np.array([self._id((*parent, name)) for name in each], np.int64)
        if len(distinct) == 1:
            sizes: int | Ints = len(names[0])
            ids = np.tile(layouts[names[0]], len(names))
        else:
            sizes = np.fromiter(map(len, names), np.int64, len(names))
            ids = np.concatenate([NONE, *map(layouts.__getitem__, names)])
        offsets, lengths = places(list(chain.from_iterable(map(dict.values, objects))), data)
        return _Values(np.repeat(rows, sizes), ids, offsets, lengths)

    def _id(self, path: Path) -> int:
        """The place of a field; for a new one a place after the others until it is admitted, -1 when the table is full."""
        known = self._ids.get(path)
        if known is not None:
            return known
        if len(self.paths) == MAX_FIELDS:
            return -1
        self._ids[path] = len(self._ids)
        return self._ids[path]

    def _with_members(
        self, data: bytes, array: Bytes, values: _Values, codes: Bytes
    ) -> tuple[_Values, Bytes]:
        """`values` and the values of their objects' members."""
        parts, part_codes = [values], [codes]
        objects = values.where((codes == OBJECT) & (values.ids >= 0))
        paths, view = list(self._ids), memoryview(data)
        for number in np.flatnonzero(np.bincount(objects.ids)).tolist():
            mine = objects.where(objects.ids == number)
            ends = mine.offsets + mine.lengths
            slices = [view[a:b] for a, b in zip(mine.offsets.tolist(), ends.tolist(), strict=True)]
            members = self._values(paths[number], list(map(DECODE, slices)), data, mine.rows)
            members = members.where(members.ids >= 0)
            parts.append(members)
            part_codes.append(classify(array, members.offsets, members.lengths))
        if len(parts) == 1:
            return values, codes
        joined = _Values(
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.ids for part in parts]),
            np.concatenate([part.offsets for part in parts]),
            np.concatenate([part.lengths for part in parts]),
        )
        return joined, np.concatenate(part_codes)

    def _admit(self, values: _Values, codes: Bytes, num_outer: int) -> tuple[_Values, Bytes]:
        """Give the new fields among `values` their places, in order of first appearance; drop what finds none."""
        if len(self._ids) > len(self.paths):
            candidates = list(self._ids)
            new = np.flatnonzero(values.ids >= len(self.paths))
            order = new[np.lexsort((values.offsets[new], values.rows[new]))]
            ids, first = np.unique(values.ids[order], return_index=True)
            renamed = np.full(len(candidates) + 1, -1)  # the last one is for -1
            renamed[: len(self.paths)] = np.arange(len(self.paths))
            for number in ids[np.argsort(first)].tolist()[: MAX_FIELDS - len(self.paths)]:
                renamed[number] = len(self.paths)
                self.paths.append(candidates[number])
            self._ids = {path: number for number, path in enumerate(self.paths)}
            self._layouts.clear()
            values.ids = renamed[values.ids]
        elif sum(map(len, self._layouts.values())) > MAX_LAYOUTS:
            self._layouts.clear()
        known = values.ids >= 0
        if known.all():
            return values, codes
        self.has_rest = self.has_rest or not known[:num_outer].all()
        return values.where(known), codes[known]


def _unreadable(block: Block, start: int, stop: int) -> dict[int, tuple[str, str]]:
    """The lines that must not be decoded, with the reason."""
    found: dict[int, tuple[str, str]] = {}
    first, last = int(block.starts[start]), int(block.ends[stop - 1])
    if not _is_utf8(block.data, first, last):
        for row in range(start, stop):
            shift = int(block.starts[row] - block.line_starts[row])
            reason = not_utf8(block.data[block.starts[row] : block.ends[row]], shift=shift)
            if reason is not None:
                found[row] = reason
    sizes = block.ends[start:stop] - block.starts[start:stop]
    for row in (np.flatnonzero(sizes > MAX_MEMBERS) + start).tolist():
        line = block.data[block.starts[row] : block.ends[row]]
        if row not in found and too_many_members(line):
            found[row] = "too_many_fields", f"The object has more than {MAX_MEMBERS:,} fields."
    return found


def _objects(block: Block, rows: Ints, reasons: dict[int, tuple[str, str]]) -> list[Object]:
    """What these lines of the block say; those that are no object get a reason."""
    if not len(rows):
        return []
    data, starts, ends = block.data, block.starts[rows], block.ends[rows]
    array = np.frombuffer(data, np.uint8)
    # One that begins and ends so cannot be half of an object that goes on in the next line, nor hold two of them
    # without the numbers giving it away. So all can be decoded at once.
    if (array[starts] == ord("{")).all() and (array[ends - 1] == ord("}")).all():
        try:
            objects = DECODE_LINES(memoryview(data)[starts[0] : ends[-1]])
            if len(objects) == len(rows):
                return objects
        except (msgspec.DecodeError, RecursionError):
            pass  # which line is at fault is found below
    view, objects = memoryview(data), []
    for row, start, end in zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True):
        try:
            objects.append(DECODE(view[start:end]))
        except (msgspec.DecodeError, RecursionError) as error:
            reasons[row] = _explained(block, row, error)
    return objects


def _explained(block: Block, row: int, error: Exception) -> tuple[str, str]:
    line = block.data[block.starts[row] : block.ends[row]]
    if isinstance(error, RecursionError) and not too_deep(line):
        raise error  # Our own stack was nearly used up: no fault of the line's.
    return explain(line, error, shift=int(block.starts[row] - block.line_starts[row]))


def _is_utf8(data: bytes, start: int, end: int) -> bool:
    bounds = pa.py_buffer(np.array([start, end], np.int32))
    try:
        pa.Array.from_buffers(pa.string(), 1, [None, bounds, pa.py_buffer(data)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _find_deep(block: Block, values: _Values, codes: Bytes, reasons: dict[int, tuple[str, str]]) -> None:
    suspects = np.flatnonzero((codes >= ARRAY) & (values.lengths >= 2 * MAX_DEPTH))
    for i in suspects.tolist():
        start = int(values.offsets[i])
        text = block.data[start : start + int(values.lengths[i])]
        row = int(values.rows[i])
        if row not in reasons and too_deep(text, around=1):
            reasons[row] = "too_deep", f"The line nests arrays and objects more than {MAX_DEPTH} levels deep."
