"""Criteria: which samples a selection keeps and how it weights them, written canonically and found by a digest."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import msgspec

from themisdb_datasets.engine.query.filters import Filter, parse_filter
from themisdb_datasets.engine.query.mapping import MappedValue, parse_value
from themisdb_datasets.engine.query.splits import Split
from themisdb_datasets.engine.query.sql import ShardQuery
from themisdb_datasets.engine.selections.checks import Check, parse_check
from themisdb_datasets.engine.weights.weighting import Weighting

SCHEME = "themis selection 1"


@dataclass(frozen=True)
class Period:
    """Samples whose timestamp field lies in a range, in seconds since 1970 UTC; none without a timestamp."""

    field: str
    start: float | None = None  # included
    stop: float | None = None
    stop_included: bool = True

    def to_document(self) -> dict[str, Any]:
        return {
            "field": self.field,
            "start": self.start,
            "stop": self.stop,
            "stop_included": self.stop_included,
        }

    def to_sql(self, query: ShardQuery) -> str:
        instant = query.instant(self.field)
        tests = [f"{instant} IS NOT NULL"]
        if self.start is not None:
            tests.append(f"{instant} >= {query.bind(self.start)}")
        if self.stop is not None:
            tests.append(f"{instant} {'<=' if self.stop_included else '<'} {query.bind(self.stop)}")
        return f"({' AND '.join(tests)})"


@dataclass(frozen=True)
class Output:
    """Quality filters on the output of a format: not empty, and within so many characters."""

    of: MappedValue
    skip_empty: bool = True
    min_length: int | None = None
    max_length: int | None = None

    def to_document(self) -> dict[str, Any]:
        return {
            "of": self.of.source,
            "skip_empty": self.skip_empty,
            "min_length": self.min_length,
            "max_length": self.max_length,
        }

    def to_sql(self, query: ShardQuery) -> str:
        length = f"COALESCE({self.of.length_sql(query)}, 0)"
        tests = [f"{length} > 0"] if self.skip_empty else []
        if self.min_length is not None:
            tests.append(f"{length} >= {query.bind(self.min_length)}")
        if self.max_length is not None:
            tests.append(f"{length} <= {query.bind(self.max_length)}")
        return f"({' AND '.join(tests)})" if tests else "TRUE"


Criterion = Filter | Period | Output | Split


@dataclass(frozen=True)
class Criteria:
    """What a selection keeps (all conditions together, then `unique`, then `checks`) and how it weights it.

    Of samples whose `unique` values are all equal the first in stored order stays; with no values at all, of equal
    samples; None keeps all. `explain` keeps every factor of the weights beside them.
    """

    conditions: tuple[Criterion, ...] = ()
    weighting: Weighting = field(default_factory=Weighting)
    unique: tuple[MappedValue, ...] | None = None
    checks: tuple[Check, ...] = ()
    explain: bool = False

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "conditions": [condition_document(condition) for condition in self.conditions],
            "weights": self.weighting.to_document(),
        }
        if self.unique is not None:
            document["unique"] = [value.source for value in self.unique]
        if self.checks:
            document["checks"] = [check.to_document() for check in self.checks]
        if self.explain:
            document["explain"] = True
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Criteria":
        """The criteria that `to_document` wrote."""
        return cls(
            tuple(parse_condition(item) for item in document["conditions"]),
            Weighting.from_document(document["weights"]),
            _values(document.get("unique")),
            tuple(parse_check(item) for item in document.get("checks", ())),
            document.get("explain", False),
        )

    def key(self, version_digest: str) -> str:
        """64 hex digits that name the selection of this version by these criteria."""
        document = [SCHEME, version_digest, self.to_document()]
        return hashlib.sha256(msgspec.json.encode(document, order="deterministic")).hexdigest()


def _values(sources: list[str] | None) -> tuple[MappedValue, ...] | None:
    return None if sources is None else tuple(parse_value(source) for source in sources)


def condition_document(condition: Criterion) -> dict[str, Any]:
    """A condition with its kind."""
    kinds: dict[type[Any], str] = {Period: "period", Output: "output", Split: "split"}
    return {kinds.get(type(condition), "where"): condition.to_document()}


def parse_condition(document: dict[str, Any]) -> Criterion:
    """The condition that `condition_document` wrote."""
    (kind, content), *_ = document.items()
    if kind == "period":
        return Period(**content)
    if kind == "output":
        return Output(**{**content, "of": parse_value(content["of"])})
    if kind == "split":
        return Split(**{**content, "fields": tuple(content["fields"])})
    return parse_filter(content)
