"""The parts of a checked expression, each of which writes itself as SQL over a shard's columns.

Some need a part under them twice, which DuckDB's planner does not notice: nested, their SQL doubles with each. So every
part tells its size as it is written out.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from themisdb_datasets.engine.query.sql import ShardQuery

Type = Literal["number", "text", "boolean"]


class Node(Protocol):
    """A part of an expression; `type` is None where it takes whatever type its place wants."""

    @property
    def type(self) -> Type | None: ...

    @property
    def size(self) -> int:
        """How many parts its SQL has."""

    @property
    def width(self) -> int:
        """How many fields' texts its own text may be as long as; 0 where it is no text of a field."""

    def sql(self, query: ShardQuery, want: Type) -> str:
        """SQL of the wanted type."""


@dataclass(frozen=True)
class FieldTerm:
    """A field, read as what is wanted."""

    name: str
    type: Type | None = None
    width: int = 1
    size: int = 1

    def sql(self, query: ShardQuery, want: Type) -> str:
        if want == "number":
            return query.number(self.name)
        text = query.text(self.name)
        return text if want == "text" else f"TRY_CAST({text} AS BOOLEAN)"


@dataclass(frozen=True)
class Constant:
    """A value of the expression's own; None is NULL."""

    value: str | float | bool | None
    type: Type | None
    width: int = 0
    size: int = 1

    def sql(self, query: ShardQuery, want: Type) -> str:
        if self.value is None:
            return f"CAST(NULL AS {_SQL[want]})"
        return _as(f"CAST({query.bind(self.value)} AS {_SQL[self.type or want]})", self.type or want, want)


@dataclass(frozen=True)
class Call:
    """A template over parts, each of them of the type it has to have there."""

    template: str
    parts: tuple[tuple[Node, Type], ...]
    type: Type | None

    @property
    def size(self) -> int:
        counts = (self.template.count(f"{{{number}}}") for number in range(len(self.parts)))
        return 1 + sum(count * node.size for count, (node, _) in zip(counts, self.parts, strict=True))

    @property
    def width(self) -> int:
        return sum(node.width for node, _ in self.parts) if self.type == "text" else 0

    def sql(self, query: ShardQuery, want: Type) -> str:
        parts = [node.sql(query, kind) for node, kind in self.parts]
        return _as(self.template.format(*parts), self.type or want, want)


@dataclass(frozen=True)
class Choice:
    """CASE and COALESCE: the same type in all results, that which is wanted where none has one."""

    template: str
    conditions: tuple[Node, ...]
    results: tuple[Node, ...]
    type: Type | None

    @property
    def size(self) -> int:
        return 1 + sum(node.size for node in (*self.conditions, *self.results))

    @property
    def width(self) -> int:
        return max((node.width for node in self.results), default=0)

    def sql(self, query: ShardQuery, want: Type) -> str:
        kind = self.type or want
        parts = [*(node.sql(query, "boolean") for node in self.conditions)]
        parts += [node.sql(query, kind) for node in self.results]
        return _as(self.template.format(*parts), kind, want)


@dataclass(frozen=True)
class Instant:
    """A field as a point in time: seconds since 1970 UTC, or the year."""

    name: str
    year: bool
    type: Type | None = "number"
    width: int = 0
    size: int = 1

    def sql(self, query: ShardQuery, want: Type) -> str:
        seconds = query.instant(self.name)
        if self.year:
            # Up to the year 8307: for times that microseconds in a BIGINT cannot hold DuckDB raises.
            within = f"CASE WHEN abs({seconds}) < 2e11 THEN {seconds} END"
            seconds = f"CAST(year(make_timestamp(CAST({within} * 1e6 AS BIGINT))) AS DOUBLE)"
        return _as(seconds, "number", want)


_SQL: dict[Type, str] = {"number": "DOUBLE", "text": "VARCHAR", "boolean": "BOOLEAN"}


def _as(sql: str, have: Type, want: Type) -> str:
    return sql if have == want else f"TRY_CAST({sql} AS {_SQL[want]})"
