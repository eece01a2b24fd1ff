"""Splits: a dataset's parts with fractions, decided by a hash of the key or of a grouping field."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from themisdb_datasets.engine.query.sql import ShardQuery
from themisdb_datasets.errors import MalformedError
from themisdb_datasets.names import nearest

SCHEME = "themis split 1\n"
WHOLE = 1 << 32
MAX_PARTS = 20
SAMPLE_ID = "'sample ' || hex(sample_id)"


@dataclass(frozen=True)
class Split:
    """One part of a split: samples whose value's hash, the first 32 bits of its MD5, lies in a range.

    The value is that of the first of `fields` which a sample has (a grouping field, then the key), so that all samples
    of a group are on one side and none ever changes it; a sample with none of them goes by its content.
    """

    fields: tuple[str, ...]
    seed: str
    start: int  # included
    stop: int

    def to_document(self) -> dict[str, Any]:
        return {"fields": list(self.fields), "seed": self.seed, "start": self.start, "stop": self.stop}

    def to_sql(self, query: ShardQuery) -> str:
        # Marked, so that no key can look like a sample's id.
        values = [f"'field ' || {query.spelled(field)}" for field in self.fields]
        value = f"COALESCE({', '.join([*values, SAMPLE_ID])})"
        # Hexadecimal digits compare as the numbers that they are.
        hashed = f"substr(md5({query.bind(SCHEME + self.seed)} || chr(10) || {value}), 1, 8)"
        first, last = query.bind(f"{self.start:08x}"), query.bind(f"{self.stop - 1:08x}")
        return f"({hashed} BETWEEN {first} AND {last})"


@dataclass(frozen=True)
class Splitting:
    """How a dataset is split: by which field (empty: its key), and which parts have which fraction."""

    by: str
    seed: str
    parts: tuple[tuple[str, float], ...]

    def to_document(self) -> dict[str, Any]:
        parts = [{"name": name, "fraction": fraction} for name, fraction in self.parts]
        return {"by": self.by, "seed": self.seed, "parts": parts}

    def part(self, name: str, *, key_field: str) -> Split:
        """The part of this name; MalformedError with the known ones for another."""
        names = [known for known, _ in self.parts]
        if name not in names:
            raise MalformedError.at(
                "split",
                "The split has no part {name!r}{hint}; there are {known}.",
                code="unknown_split",
                name=name,
                hint=nearest(name, names),
                known=", ".join(names),
            )
        # A part's hashes begin where the fractions before it end, so that the parts meet and leave nothing out.
        place = names.index(name)
        before = sum(fraction for _, fraction in self.parts[:place])
        # The last one ends at the whole, whatever rounding has left.
        stop = WHOLE if place == len(names) - 1 else round((before + self.parts[place][1]) * WHOLE)
        fields = tuple(field for field in dict.fromkeys((self.by, key_field)) if field)
        return Split(fields, self.seed, round(before * WHOLE), stop)


def parse_splitting(document: Any) -> Splitting:
    """Read `{"by": "law", "seed": "", "parts": [{"name": "train", "fraction": 0.9}, …]}`; fractions add up to 1."""
    if not isinstance(document, Mapping):
        raise MalformedError.at(
            "split",
            'A split is an object such as {"parts": [{"name": "train", "fraction": 0.9}, …]}.',
            code="bad_split",
        )
    for name in document:
        if name not in ("by", "seed", "parts"):
            raise MalformedError.at(
                f"split.{name}",
                "A split has no {name!r}{hint}.",
                code="bad_split",
                name=name,
                hint=nearest(str(name), ("by", "seed", "parts")),
            )
    by, seed, parts = document.get("by", ""), document.get("seed", ""), document.get("parts")
    for place, text in (("by", by), ("seed", seed)):
        if not isinstance(text, str) or len(text) > 500:
            raise MalformedError.at(
                f"split.{place}", "This is a text of at most 500 characters.", code="bad_split"
            )
    if not isinstance(parts, list) or not 1 < len(parts) <= MAX_PARTS:
        raise MalformedError.at(
            "split.parts", "A split has a list of 2 to {most} parts.", code="bad_split", most=MAX_PARTS
        )
    read = tuple(_part(part, f"split.parts[{number}]") for number, part in enumerate(parts))
    names = [name for name, _ in read]
    if len(set(names)) < len(names):
        raise MalformedError.at("split.parts", "Two parts have the same name.", code="bad_split")
    total = sum(fraction for _, fraction in read)
    if abs(total - 1) > 1e-6:
        raise MalformedError.at(
            "split.parts", "The fractions add up to {total:g}; make it 1.", code="bad_split", total=total
        )
    return Splitting(by, seed, read)


def _part(document: Any, place: str) -> tuple[str, float]:
    if not isinstance(document, Mapping) or set(document) != {"name", "fraction"}:
        raise MalformedError.at(
            place, 'A part is an object such as {"name": "train", "fraction": 0.9}.', code="bad_split"
        )
    name, fraction = document["name"], document["fraction"]
    if not isinstance(name, str) or not name.strip() or len(name) > 100:
        raise MalformedError.at(
            f"{place}.name", "A part has a name of at most 100 characters.", code="bad_split"
        )
    if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 1e-6 <= fraction < 1:
        raise MalformedError.at(
            f"{place}.fraction", "A fraction is a number above 0 and below 1.", code="bad_split"
        )
    return name.strip(), float(fraction)
