"""Where the values of a line's fields lie: every line is decoded once, strictly, and the places of its raw values kept."""

from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from themisdb_datasets.engine.kernels.raw_values import Record, places
from themisdb_datasets.engine.shards.fields import (
    ARRAY,
    MAX_FIELDS,
    NULL,
    NUM_CODES,
    OBJECT,
    Field,
    classify,
    describe,
)
from themisdb_datasets.engine.shards.reasons import (
    MAX_DEPTH,
    MAX_MEMBERS,
    explain,
    not_utf8,
    too_deep,
    too_many_members,
)
from themisdb_datasets.engine.shards.scratch import Spans
from themisdb_datasets.engine.sources.jsonl import Block, Reject
from themisdb_datasets.vectors import Bytes, Ints

Path = tuple[str, ...]

MAX_LAYOUTS = 10_000  # remembered orders of names
MAX_VARIETY = 16  # orders of names in a block of which the next one is expected to have no other names
NONE = np.empty(0, np.int64)
Object = dict[str, msgspec.Raw]
DECODER = msgspec.json.Decoder(Object)
DECODE, DECODE_LINES = DECODER.decode, DECODER.decode_lines


@dataclass(frozen=True)
class CheckedLines:
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
        self._ids: dict[Path, int] = {}  # first those of `paths`, then the candidates of `_admit`
        self._layouts: dict[Path, dict[Path, Ints]] = {}  # per parent: its names in their order -> their ids
        self._records: dict[Path, Record] = {}  # per parent: what decodes objects with the names seen before

    def fields(self, num_samples: int) -> list[Field]:
        """What was seen, after `num_samples` samples."""
        return describe(self.paths, self.counts, num_samples=num_samples)

    def check(self, block: Block, start: int, stop: int) -> CheckedLines:
        """Decode lines start to stop of `block`; samples' fields are counted, and those seen first get a place."""
        array = np.frombuffer(block.data, np.uint8)
        # Lines that the decoder must never see go first. What is left is mostly decoded in one call, as
        # records of the names seen before; where that does not work out, as dictionaries, and at worst line
        # by line to find who is at fault.
        reasons = _unreadable(block, start, stop)
        rows = np.arange(start, stop)
        rows = rows[~np.isin(rows, list(reasons))] if reasons else rows
        lines = _lines(array, block, rows)
        recorded = None if lines is None else self._recorded((), lines, block.data, rows)
        if recorded is None:
            objects = _objects(lines, block, rows, reasons)
            rows = rows[~np.isin(rows, list(reasons))] if reasons else rows
            recorded = self._values((), objects, block.data, rows)
        # From here on no Python object a value is left, only arrays with an element for each. Whatever finds
        # a reason against a line has to take it out of `rows`, `values` and `codes` alike.
        values = recorded
        codes = classify(array, values.offsets, values.lengths)
        # So deep a value has two brackets a level at least: most blocks have none that long, and are not
        # looked through.
        if reasons or (values.lengths[codes >= ARRAY] >= 2 * MAX_DEPTH).any():
            _find_deep(block, values, codes, reasons)
            good = ~np.isin(values.rows, list(reasons))
            values, codes = values.where(good), codes[good]
            rows = rows[~np.isin(rows, list(reasons))]
        # The members of objects come behind; that a top-level field found no place is told by the first
        # `num_outer`.
        num_outer = len(values.rows)
        values, codes = self._with_members(block.data, array, values, codes)
        # Only now, for the key may be a member of an object; and before fields are admitted, for a line that
        # is no sample must not give the shard a column.
        if self.key:
            keyed = self._with_key(values, codes)
            reasons |= {row: self._no_key() for row in np.setdiff1d(rows, keyed).tolist()}
            good = np.isin(values.rows, keyed)
            num_outer = int(np.count_nonzero(good[:num_outer]))
            values, codes, rows = values.where(good), codes[good], rows[np.isin(rows, keyed)]
        values, codes = self._admit(values, codes, num_outer)
        spans = _spans(block, rows, values, len(self.paths))
        self.counts += np.bincount(values.ids * NUM_CODES + codes, minlength=MAX_FIELDS * NUM_CODES).reshape(
            MAX_FIELDS, NUM_CODES
        )
        return CheckedLines(rows, spans, [block.reject(row, *reasons[row]) for row in sorted(reasons)])

    def _with_key(self, values: _Values, codes: Bytes) -> Ints:
        """The rows whose key is a text, a number, true or false."""
        ids = [number for path, number in self._ids.items() if ".".join(path) == self.key]
        return np.unique(values.rows[np.isin(values.ids, ids) & (codes < NULL)])

    def _no_key(self) -> tuple[str, str]:
        return "missing_key", f"The sample has no {self.key!r}, or none that is a text or a number."

    def _recorded(self, parent: Path, lines: bytes | memoryview, data: bytes, rows: Ints) -> _Values | None:
        """The members of the objects in `lines`, a part of `data`, where they have no other names than those before.

        The i-th object is of row rows[i].
        """
        # A record refuses a name that it does not know, and with it all of `lines`: they go the slower way.
        record = self._records.get(parent)
        if record is None:
            return None
        try:
            offsets, lengths = record.places(lines, data)
        except (msgspec.DecodeError, RecursionError):
            return None
        if len(offsets) != len(rows):
            return None
        ids = self._layout(parent, record.names)
        values = _Values(np.repeat(rows, len(ids)), np.tile(ids, len(rows)), offsets.ravel(), lengths.ravel())
        return values if lengths.all() else values.where(values.lengths > 0)

    def _values(self, parent: Path, objects: list[Object], data: bytes, rows: Ints) -> _Values:
        """The members of `objects`, which were decoded from `data`; the i-th is of row rows[i]."""
        names = list(map(tuple, objects))
        # Objects of one source mostly have their names in one order, so the table is asked once an order, not
        # once a name.
        distinct = set(names)
        if len(distinct) == 1:
            sizes: int | Ints = len(names[0])
            ids = np.tile(self._layout(parent, names[0]), len(names))
        else:
            layouts = {each: self._layout(parent, each) for each in distinct}
            sizes = np.fromiter(map(len, names), np.int64, len(names))
            ids = np.concatenate([NONE, *map(layouts.__getitem__, names)])
        if 0 < len(distinct) <= MAX_VARIETY:
            self._expect(
                parent, dict.fromkeys(chain.from_iterable(sorted(distinct))), len(ids) / len(objects)
            )
        # The places are addresses read from memory: `objects` has to live until then, and `data` be what they
        # were decoded from, not a copy.
        offsets, lengths = places(list(chain.from_iterable(map(dict.values, objects))), data)
        return _Values(np.repeat(rows, sizes), ids, offsets, lengths)

    def _expect(self, parent: Path, names: dict[str, None], usual: float) -> None:
        """Further objects are likely to have no other than these names, and those before; `usual` is how many have one."""
        # A record holds a slot for each name that any object had. Where objects have few of many names, as
        # maps by id do, that costs more than dictionaries, so it is given up.
        known = self._records.pop(parent, None)
        names = dict.fromkeys(known.names if known else ()) | names
        if known and len(names) == len(known.names):
            self._records[parent] = known
        elif len(names) <= min(2 * usual, MAX_FIELDS):
            with suppress(ValueError):  # odd names
                self._records[parent] = Record(tuple(names))

    def _layout(self, parent: Path, names: Path) -> Ints:
        """The places of the fields with these names."""
        layouts = self._layouts.setdefault(parent, {})
        if names not in layouts:
            layouts[names] = np.array([self._id((*parent, name)) for name in names], np.int64)
        return layouts[names]

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
        paths = list(self._ids)
        # Candidates too: whether their members are admitted is decided later, with them.
        for number in np.flatnonzero(np.bincount(objects.ids)).tolist():
            members = self._members(paths[number], objects.where(objects.ids == number), data)
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

    def _members(self, parent: Path, objects: _Values, data: bytes) -> _Values:
        """The members of these objects of one field, which are decoded as lines, all at once."""
        stops = objects.offsets + objects.lengths
        lines = b"\n".join(map(data.__getitem__, map(slice, objects.offsets.tolist(), stops.tolist())))
        numbers = np.arange(len(stops))
        members = self._recorded(parent, lines, lines, numbers)
        if members is None:
            members = self._values(parent, DECODE_LINES(lines), lines, numbers)
        # From a place in `lines`, where object i begins after all before it and their LFs, to the place in
        # `data`.
        shifts = objects.offsets - (np.cumsum(objects.lengths + 1) - objects.lengths - 1)
        members.offsets += shifts[members.rows]
        members.rows = objects.rows[members.rows]
        return members

    def _admit(self, values: _Values, codes: Bytes, num_outer: int) -> tuple[_Values, Bytes]:
        """Give the new fields among `values` their places, in order of first appearance; drop what finds none."""
        if len(self._ids) > len(self.paths):
            # Candidates are numbered as their names came out of a set, which differs from run to run; a
            # shard's columns must not. So they are sorted by where they first stand, and only as many as
            # there is room for get a place.
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
            # They hold the numbers of candidates.
            self._layouts.clear()
            values.ids = renamed[values.ids]
        elif sum(map(len, self._layouts.values())) > MAX_LAYOUTS:
            # Samples whose names come in ever new orders would fill the memory.
            self._layouts.clear()
        known = values.ids >= 0
        if known.all():
            return values, codes
        # A member without a place is still in its object's column, as JSON; a top-level field is nowhere but
        # in the rest.
        self.has_rest = self.has_rest or not known[:num_outer].all()
        return values.where(known), codes[known]


def _spans(block: Block, rows: Ints, values: _Values, width: int) -> Spans:
    """`values` of these rows of the block as spans [rows, width, 2]."""
    if not len(rows):
        return np.zeros((0, width, 2), np.uint32)
    # Which sample a row is, times the width; so offsets and lengths are put in place by one scatter.
    samples = np.zeros(int(rows[-1]) - int(rows[0]) + 1, np.int64)
    samples[rows - rows[0]] = np.arange(len(rows)) * width
    words = np.zeros(
        len(rows) * width, np.int64
    )  # each a span: its offset is the lower half, its length the upper one
    offsets = values.offsets - block.starts[values.rows]
    words[samples[values.rows - rows[0]] + values.ids] = values.lengths << 32 | offsets
    return words.view(np.uint32).reshape(len(rows), width, 2)


def _unreadable(block: Block, start: int, stop: int) -> dict[int, tuple[str, str]]:
    """The lines that must not be decoded, with the reason."""
    found: dict[int, tuple[str, str]] = {}
    first, last = int(block.starts[start]), int(block.ends[stop - 1])
    # All lines at once, in Arrow's C++; they are looked at one by one only where that fails.
    if not _is_utf8(block.data, first, last):
        for row in range(start, stop):
            shift = int(block.starts[row] - block.line_starts[row])
            reason = not_utf8(block.data[block.starts[row] : block.ends[row]], shift=shift)
            if reason is not None:
                found[row] = reason
    sizes = block.ends[start:stop] - block.starts[start:stop]
    # The decoder makes a string and an object for each name: a line of 16 MiB can hold millions.
    for row in (np.flatnonzero(sizes > MAX_MEMBERS) + start).tolist():
        line = block.data[block.starts[row] : block.ends[row]]
        if row not in found and too_many_members(line):
            found[row] = "too_many_fields", f"The object has more than {MAX_MEMBERS:,} fields."
    return found


def _lines(array: Bytes, block: Block, rows: Ints) -> memoryview | None:
    """The bytes from the first to the last of these rows of the block, where they can be decoded all at once."""
    # A line that begins and ends so cannot be half of an object that goes on in the next line, nor hold two of them
    # without the numbers giving it away.
    starts, ends = block.starts[rows], block.ends[rows]
    if len(rows) and (array[starts] == ord("{")).all() and (array[ends - 1] == ord("}")).all():
        return memoryview(block.data)[starts[0] : ends[-1]]
    return None


def _objects(
    lines: memoryview | None, block: Block, rows: Ints, reasons: dict[int, tuple[str, str]]
) -> list[Object]:
    """What these rows of the block say, `lines` being all of them; those that are no object get a reason."""
    if lines is not None:
        with suppress(msgspec.DecodeError, RecursionError):  # which line is at fault is found below
            objects = DECODE_LINES(lines)
            if len(objects) == len(rows):
                return objects
    data, starts, ends = block.data, block.starts[rows], block.ends[rows]
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
