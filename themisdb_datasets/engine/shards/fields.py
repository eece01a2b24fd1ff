"""What a shard knows about a field: where it is found, the JSON types it had, and the kind of column that holds it all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from themisdb_datasets.vectors import Bytes, Ints

MAX_FIELDS = 256
# What a raw JSON value is, finely enough to choose a column that keeps it. Their order counts: below NULL is what may be a
# key, from ARRAY on is what may nest.
STRING, INTEGER, LONG, BIG, NUMBER, HUGE, BOOLEAN, NULL, ARRAY, OBJECT = range(10)
NUM_CODES = 10
# Integers up to here are exact as doubles (IEEE 754 binary64 has 53 bits): INTEGER. Those that still fit 64 bits are
# LONG, others BIG.
EXACT = 2**53
TYPES = {
    "string": (STRING,),
    "integer": (INTEGER, LONG, BIG),
    "number": (NUMBER, HUGE),
    "boolean": (BOOLEAN,),
    "array": (ARRAY,),
    "object": (OBJECT,),
    "null": (NULL,),
}
NUMERIC = {"integer", "number"}
# The first byte of valid JSON tells its type (RFC 8259, section 3); all others begin a number.
FIRST_BYTES = np.full(256, INTEGER, np.uint8)
for _byte, _code in zip(b'"tfn[{', (STRING, BOOLEAN, BOOLEAN, NULL, ARRAY, OBJECT), strict=True):
    FIRST_BYTES[_byte] = _code
SAFE_DIGITS = 15  # any integer of so many digits is below EXACT
GLANCE = 24  # bytes of a number that are looked at all at once


@dataclass(frozen=True)
class Field:
    """A field of a shard; `path` is one name, or two for a member of an object; `name` is the path with a dot.

    `span` is its place in spans.bin and `column` its name in columns.parquet; `nulls` samples say null, `absent` do
    not have it.
    """

    name: str
    path: tuple[str, ...]
    column: str
    kind: str
    types: tuple[str, ...]
    nulls: int
    absent: int
    span: int

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Field":
        """A field as the manifest has it."""
        return cls(**{**document, "path": tuple(document["path"]), "types": tuple(document["types"])})


def kind_of(counts: Ints) -> str:
    """The kind of column that holds every value of a field; `counts` [NUM_CODES] says how many of each code there are."""
    # INTEGER fits beside NUMBER, for it is exact as a double. LONG beside NUMBER would lose digits, as BIG and HUGE do
    # everywhere, so such a column is text.
    seen = set(np.flatnonzero(counts).tolist()) - {NULL}
    if seen == {BOOLEAN}:
        return "bool"
    if seen and seen <= {INTEGER, LONG}:
        return "int64"
    if seen and seen <= {INTEGER, NUMBER}:
        return "double"
    if seen and seen <= {ARRAY, OBJECT}:
        return "json"
    return "text"


def is_number(types: Iterable[str]) -> bool:
    """Whether a field that had these JSON types is a number wherever it is something."""
    seen = set(types) - {"null"}
    return bool(seen) and seen <= NUMERIC


def types_of(counts: Ints) -> tuple[str, ...]:
    """The JSON types seen, in a fixed order."""
    return tuple(name for name, codes in TYPES.items() if counts[list(codes)].any())


def describe(paths: Iterable[tuple[str, ...]], counts: Ints, *, num_samples: int) -> list[Field]:
    """The fields of a shard; two paths with the same dotted name are one field: the top-level one, or else the first."""
    chosen: dict[str, tuple[int, tuple[str, ...]]] = {}
    for number, path in enumerate(paths):
        name = ".".join(path)
        # A name with a dot and a member can be spelled alike; a query looks for the top-level one first.
        if name not in chosen or len(path) < len(chosen[name][1]):
            chosen[name] = number, path
    fields = []
    for place, (number, path) in enumerate(sorted(chosen.values())):
        mine = counts[number]
        fields.append(
            Field(
                name=".".join(path),
                path=path,
                column=f"c{place}",
                kind=kind_of(mine),
                types=types_of(mine),
                nulls=int(mine[NULL]),
                absent=num_samples - int(mine.sum()),
                span=place,
            )
        )
    return fields


def classify(data: Bytes, offsets: Ints, lengths: Ints) -> Bytes:
    """The code of each raw JSON value `data[offsets[i]:offsets[i] + lengths[i]]`."""
    codes = FIRST_BYTES[data[offsets]]
    numbers = np.flatnonzero(codes == INTEGER)
    if len(numbers):
        codes[numbers] = _classify_numbers(data, offsets[numbers], lengths[numbers])
    return codes


def _classify_numbers(data: Bytes, offsets: Ints, lengths: Ints) -> Bytes:
    # Column by column: the first bytes of all numbers at once. Behind a number that is shorter stands something else,
    # which `inside` takes out; of the block's last one nothing may, so the place is clipped.
    fraction, exponent = np.zeros((2, len(offsets)), bool)
    for place in range(1, min(int(lengths.max()), GLANCE)):
        byte = data.take(offsets + place, mode="clip")
        inside = place < lengths
        fraction |= inside & (byte == ord("."))
        exponent |= inside & (byte | 0x20 == ord("e"))  # and E
    codes = np.where(fraction | exponent, NUMBER, INTEGER).astype(np.uint8)
    # Only these can be too big for the obvious: long integers, and numbers that may overflow a double.
    doubtful = np.where(codes == INTEGER, lengths > SAFE_DIGITS, exponent | (lengths > GLANCE))
    for i in np.flatnonzero(doubtful).tolist():
        codes[i] = _classify_number(data[offsets[i] : offsets[i] + lengths[i]].tobytes())
    return codes


def _classify_number(raw: bytes) -> int:
    if any(mark in raw for mark in (b".", b"e", b"E")):
        # 1e400 is a number that no double holds: float() says infinity.
        return HUGE if abs(float(raw)) == float("inf") else NUMBER
    if len(raw) > 20:  # more than 64 bits, and perhaps more digits than int() takes
        return BIG
    value = int(raw)
    if abs(value) <= EXACT:
        return INTEGER
    return LONG if -(2**63) <= value < 2**63 else BIG
