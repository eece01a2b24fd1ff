"""Theme filters: a small tree of conditions, checked once, written canonically, and turned into bound SQL.

Every condition is true or false for every sample. A field that a sample lacks, or that is null, makes a condition on
it false, `ne` included; `{"not": …}` turns that round.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from themisdb_datasets.engine.query.expressions import MAX_MADE, Expression, parse_expression
from themisdb_datasets.engine.query.patterns import check_regex
from themisdb_datasets.engine.query.sql import Column, ShardQuery, Value
from themisdb_datasets.errors import MalformedError
from themisdb_datasets.names import nearest

ORDERINGS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
TEXT_OPS = ("contains", "starts_with", "ends_with", "matches")
OPS = (*ORDERINGS, "between", "in", *TEXT_OPS, "exists")
MAX_DEPTH = 32
MAX_CONDITIONS = 500
MAX_TEXT = 65_536
EXACT_DOUBLE = 2**53


@dataclass(frozen=True)
class Condition:
    """One field, one operator, one value."""

    field: str
    op: str
    value: Any
    case_sensitive: bool = False

    def to_document(self) -> dict[str, Any]:
        """The condition as it is written, without what is default."""
        document = {"field": self.field, "op": self.op, "value": self.value}
        return {**document, "case_sensitive": True} if self.case_sensitive else document

    def to_sql(self, query: ShardQuery) -> str:
        """A two-valued SQL expression."""
        column = query.column(self.field)
        if column is None:
            return "TRUE" if self.op == "exists" and self.value is False else "FALSE"
        if self.op == "exists":
            return f"({column.sql} IS {'NOT ' if self.value else ''}NULL)"
        # SQL's third value would survive NOT: what lacks the field would be in neither half of a theme.
        return f"COALESCE({self._on(column, query)}, FALSE)"

    def _on(self, column: Column, query: ShardQuery) -> str:
        if self.op in ORDERINGS:
            return _compare(column, ORDERINGS[self.op], self.value, query)
        if self.op == "between":
            low, high = self.value
            return f"({_compare(column, '>=', low, query)} AND {_compare(column, '<=', high, query)})"
        if self.op == "in":
            return "(" + " OR ".join(_compare(column, "=", value, query) for value in self.value) + ")"
        return _match(column, self.op, self.value, self.case_sensitive, query)


@dataclass(frozen=True)
class Group:
    """All or any of several filters."""

    kind: str  # "all" or "any"
    items: tuple["Filter", ...]

    def to_document(self) -> dict[str, Any]:
        return {self.kind: [item.to_document() for item in self.items]}

    def to_sql(self, query: ShardQuery) -> str:
        if not self.items:
            return "TRUE" if self.kind == "all" else "FALSE"
        return (
            "(" + (" AND " if self.kind == "all" else " OR ").join(i.to_sql(query) for i in self.items) + ")"
        )


@dataclass(frozen=True)
class Not:
    """Everything that a filter does not keep."""

    item: "Filter"

    def to_document(self) -> dict[str, Any]:
        return {"not": self.item.to_document()}

    def to_sql(self, query: ShardQuery) -> str:
        return f"(NOT {self.item.to_sql(query)})"


@dataclass(frozen=True)
class Free:
    """Samples for which an expression is true."""

    expression: Expression

    def to_document(self) -> dict[str, Any]:
        return {"expression": self.expression.text}

    def to_sql(self, query: ShardQuery) -> str:
        return f"COALESCE({self.expression.sql(query, 'boolean')}, FALSE)"


Filter = Condition | Group | Not | Free


def parse_filter(document: Any, *, fields: Iterable[str] | None = None) -> Filter:
    """Check a FILTER document; with `fields`, unknown field names are refused with the nearest known one.

    Errors are MalformedError, whose `fields` name the place, e.g. `where.all[1].value`.
    """
    return _Parser(None if fields is None else set(fields)).parse(document, "where", 1)


class _Parser:
    def __init__(self, fields: Collection[str] | None) -> None:
        self.fields = fields
        self.conditions = 0
        self.made = 0  # texts, by all expressions together

    def parse(self, document: Any, place: str, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise _bad(place, f"A filter may be nested {MAX_DEPTH} deep at most.")
        if not isinstance(document, dict):
            raise _bad(
                place, 'A filter is an object such as {"field": "law", "op": "contains", "value": "BImSch"}.'
            )
        for kind in ("all", "any"):
            if kind in document:
                _only(document, {kind}, place)
                items = document[kind]
                if not isinstance(items, list):
                    raise _bad(f"{place}.{kind}", f'"{kind}" takes a list of filters.')
                parsed = (self.parse(item, f"{place}.{kind}[{i}]", depth + 1) for i, item in enumerate(items))
                return Group(kind, tuple(parsed))
        if "not" in document:
            _only(document, {"not"}, place)
            return Not(self.parse(document["not"], f"{place}.not", depth + 1))
        if "expression" in document:
            _only(document, {"expression"}, place)
            return self.free(document["expression"], f"{place}.expression")
        return self.condition(document, place)

    def free(self, text: Any, place: str) -> Free:
        self._one_more(place)
        expression = parse_expression(text, fields=self.fields, place=place)
        self.made += expression.made
        if self.made > MAX_MADE:
            raise _bad(place, f"The expressions of a filter may make {MAX_MADE} texts of fields at most.")
        return Free(expression)

    def _one_more(self, place: str) -> None:
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            raise _bad(place, f"A filter may have {MAX_CONDITIONS} conditions at most.")

    def condition(self, document: dict[str, Any], place: str) -> Condition:
        self._one_more(place)
        _only(document, {"field", "op", "value", "case_sensitive"}, place)
        name, op = document.get("field"), document.get("op")
        if not isinstance(name, str) or not name:
            raise _bad(f"{place}.field", "A condition names its field.")
        self._known(name, f"{place}.field")
        if not isinstance(op, str) or op not in OPS:
            near = nearest(str(op), OPS)
            raise _bad(f"{place}.op", f"{op!r} is no operator{near}; there are {', '.join(OPS)}.")
        case_sensitive = document.get("case_sensitive", False)
        if not isinstance(case_sensitive, bool):
            raise _bad(f"{place}.case_sensitive", "case_sensitive is true or false.")
        if "value" not in document and op != "exists":
            raise _bad(f"{place}.value", f'"{op}" needs a value.')
        value = _value(op, document.get("value", True), f"{place}.value")
        return Condition(name, op, value, case_sensitive and op in TEXT_OPS)

    def _known(self, name: str, place: str) -> None:
        if self.fields is None or name in self.fields:
            return
        # A deeper member of a known field is fine: its columns hold it as JSON text.
        parts = name.split(".")
        if any(".".join(parts[:cut]) in self.fields for cut in range(1, len(parts))):
            return
        raise _bad(place, f"There is no field {name!r} in this dataset{nearest(name, self.fields)}.")


def _bad(place: str, message: str) -> MalformedError:
    return MalformedError(message, code="bad_filter", fields={place: message})


def _only(document: dict[str, Any], allowed: set[str], place: str) -> None:
    for key in document:
        if key not in allowed:
            raise _bad(f"{place}.{key}", f"A filter has no part {key!r} beside {', '.join(sorted(allowed))}.")


def _value(op: str, value: Any, place: str) -> Any:
    if op == "exists":
        if not isinstance(value, bool):
            raise _bad(place, '"exists" takes true or false.')
        return value
    if op == "between":
        if not isinstance(value, list) or len(value) != 2:
            raise _bad(place, '"between" takes a list of two values, both included.')
        return [_scalar(item, f"{place}[{i}]") for i, item in enumerate(value)]
    if op == "in":
        if not isinstance(value, list) or not 0 < len(value) <= 10_000:
            raise _bad(place, '"in" takes a list of 1 to 10,000 values.')
        return [_scalar(item, f"{place}[{i}]") for i, item in enumerate(value)]
    value = _scalar(value, place)
    if op not in TEXT_OPS:
        return value
    if not isinstance(value, str) or not value:
        raise _bad(place, f'"{op}" takes a text that is not empty.')
    if op == "matches":
        try:
            check_regex(value)
        except ValueError as error:
            raise _bad(place, str(error)) from None
    return value


def _scalar(value: Any, place: str) -> Value:
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise _bad(place, f"A value may have {MAX_TEXT:,} characters at most.")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _bad(
                place, "The value holds half of a surrogate pair, which no text can contain."
            ) from None
        return value
    # An integer beyond 10^308 has no float at all.
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) < 10**300):
        return value
    if isinstance(value, float) and value == value and abs(value) != float("inf"):
        return value
    if value is None:
        raise _bad(place, 'A value cannot be null; use {"op": "exists", "value": false}.')
    raise _bad(place, "A value is a text, a number or true or false.")


def _compare(column: Column, op: str, value: Value, query: ShardQuery) -> str:
    if isinstance(value, bool):
        if op not in ("=", "<>"):
            return "FALSE"
        if column.kind == "bool":
            return f"({column.sql} {op} {query.bind(value)})"
        return f"({column.sql} {op} {query.bind(str(value).lower())})" if column.kind == "text" else "FALSE"
    if isinstance(value, str):
        text = column.sql if column.kind in ("text", "json") else f"CAST({column.sql} AS VARCHAR)"
        return f"({text} {op} {query.bind(value)})"
    if column.kind in ("int64", "double"):
        return f"({column.sql} {op} {query.bind(_number(value))})"
    if column.kind != "text":
        return "FALSE"
    # Beyond 2^53 neighbours have one double between them: such numbers, ids mostly, are equal as they are
    # spelled.
    if isinstance(value, int) and abs(value) > EXACT_DOUBLE and op in ("=", "<>"):
        return f"({column.sql} {op} {query.bind(str(value))})"
    # A widened column holds numbers as text; words such as 'nan' are no numbers here.
    number = f"TRY_CAST({column.sql} AS DOUBLE)"
    return f"(NOT isnan({number}) AND {number} {op} {query.bind(float(value))})"


def _number(value: int | float) -> int | float:
    """Integers beyond DuckDB's widest integer compare as floating point numbers."""
    return float(value) if isinstance(value, int) and abs(value) >= 2**126 else value


def _match(column: Column, op: str, value: str, case_sensitive: bool, query: ShardQuery) -> str:
    text = column.sql if column.kind in ("text", "json") else f"CAST({column.sql} AS VARCHAR)"
    if op == "matches":
        return f"regexp_matches({text}, {query.bind(value)}, {query.bind('c' if case_sensitive else 'i')})"
    wanted = query.bind(value)
    if not case_sensitive:
        text, wanted = f"lower({text})", f"lower({wanted})"
    function = {"contains": "contains", "starts_with": "starts_with", "ends_with": "suffix"}[op]
    return f"{function}({text}, {wanted})"
