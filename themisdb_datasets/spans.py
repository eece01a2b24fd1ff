"""Where the values of a line's fields lie: every line is decoded once, strictly, and the places of its raw values kept."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from themisdb_datasets.fields import (
    ARRAY,
    MAX_FIELDS,
    NUM_CODES,
    OBJECT,
    Bytes,
    Field,
    Ints,
    classify,
    describe,
)
from themisdb_datasets.jsonl import Block, Reject
from themisdb_datasets.reasons import MAX_DEPTH, MAX_MEMBERS, explain, not_utf8, too_deep, too_many_members

Spans = npt.NDArray[np.uint32]
Path = tuple[str, ...]

MAX_LAYOUTS = 10_000  # remembered orders of names
NONE = np.empty(0, np.int64)
DECODE = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


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
    """The fields of one shard in order of first appearance, at most MAX_FIELDS, with how often each had which type."""

    def __init__(self) -> None:
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
        if reasons:
            rows = rows[~np.isin(rows, list(reasons))]

        def refuse(row: int, error: Exception) -> None:
            reasons[row] = _explained(block, row, error)

        values = self._decode((), block.data, rows, block.starts[rows], block.ends[rows], on_failure=refuse)
        codes = classify(array, values.offsets, values.lengths)
        if reasons or (values.lengths[codes >= ARRAY] >= 2 * MAX_DEPTH).any():
            _find_deep(block, values, codes, reasons)
            good = ~np.isin(values.rows, list(reasons))
            values, codes = values.where(good), codes[good]
            rows = rows[~np.isin(rows, list(reasons))]
        num_outer = len(values.rows)
        values, codes = self._with_members(block.data, array, values, codes)
        values, codes = self._admit(values, codes, num_outer)
        spans = np.zeros((len(rows), len(self.paths), 2), np.uint32)
        places = np.searchsorted(rows, values.rows)
        spans[places, values.ids, 0] = values.offsets - block.starts[values.rows]
        spans[places, values.ids, 1] = values.lengths
        self.counts += np.bincount(values.ids * NUM_CODES + codes, minlength=MAX_FIELDS * NUM_CODES).reshape(
            MAX_FIELDS, NUM_CODES
        )
        return Checked(rows, spans, [block.reject(row, *reasons[row]) for row in sorted(reasons)])

    def _decode(
        self,
        parent: Path,
        data: bytes,
        rows: Ints,
        starts: Ints,
        ends: Ints,
        *,
        on_failure: Callable[[int, Exception], None] | None = None,
    ) -> _Values:
        """The members of the objects `data[starts[i]:ends[i]]`; `on_failure` hears of what is none."""
        view, address = memoryview(data), pa.py_buffer
        layouts = self._layouts.setdefault(parent, {})
        found: list[int] = []
        ids: list[Ints] = [NONE]
        raws: list[msgspec.Raw] = []
        for row, start, end in zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True):
            try:
                value = DECODE(view[start:end])
            except (msgspec.DecodeError, RecursionError) as error:
                if on_failure is None:
                    raise
                on_failure(row, error)
                continue
            names = tuple(value)
            layout = layouts.get(names)
            if layout is None:
                layout = layouts[names] = np.array([self._id((*parent, name)) for name in names], np.int64)
            found.append(row)
            ids.append(layout)
            raws += value.values()
        base = address(data).address
        return _Values(
            np.repeat(np.array(found, np.int64), np.fromiter(map(len, ids[1:]), np.int64, len(found))),
            np.concatenate(ids),
            np.fromiter([address(raw).address for raw in raws], np.int64, len(raws)) - base,
            np.fromiter(map(len, raws), np.int64, len(raws)),
        )

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
        for number in np.unique(objects.ids).tolist():
            mine = objects.where(objects.ids == number)
            members = self._decode(paths[number], data, mine.rows, mine.offsets, mine.offsets + mine.lengths)
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
            places = np.full(len(candidates) + 1, -1)  # the last one is for -1
            places[: len(self.paths)] = np.arange(len(self.paths))
            for number in ids[np.argsort(first)].tolist()[: MAX_FIELDS - len(self.paths)]:
                places[number] = len(self.paths)
                self.paths.append(candidates[number])
            self._ids = {path: number for number, path in enumerate(self.paths)}
            self._layouts.clear()
            values.ids = places[values.ids]
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
