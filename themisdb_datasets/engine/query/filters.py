"""Theme filters: a small tree of conditions, checked once, written canonically, and turned into bound SQL.

Every condition is true or false for every sample. A field that a sample lacks, or that is null, makes a condition on
it false, `ne` included; `{"not": …}` turns that round.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from themisdb_datasets.engine.query.expressions import MAX_MADE, Expression, check_fields, parse_expression
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
        self.num_made = 0  # texts, by all expressions together

    def parse(self, document: Any, place: str, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise MalformedError.at(
                place, "A filter may be nested {most} deep at most.", code="bad_filter", most=MAX_DEPTH
            )
        if not isinstance(document, dict):
            raise MalformedError.at(
                place,
                'A filter is an object such as {"field": "law", "op": "contains", "value": "BImSch"}.',
                code="bad_filter",
            )
        for kind in ("all", "any"):
            if kind in document:
                _only(document, {kind}, place)
                items = document[kind]
                if not isinstance(items, list):
                    raise MalformedError.at(
                        f"{place}.{kind}", '"{kind}" takes a list of filters.', code="bad_filter", kind=kind
                    )
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
        self.num_made += expression.num_made
        if self.num_made > MAX_MADE:
            raise MalformedError.at(
                place,
                "The expressions of a filter may make {most} texts of fields at most.",
                code="bad_filter",
                most=MAX_MADE,
            )
        return Free(expression)

    def _one_more(self, place: str) -> None:
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            raise MalformedError.at(
                place, "A filter may have {most} conditions at most.", code="bad_filter", most=MAX_CONDITIONS
            )

    def condition(self, document: dict[str, Any], place: str) -> Condition:
        self._one_more(place)
        _only(document, {"field", "op", "value", "case_sensitive"}, place)
        name, op = document.get("field"), document.get("op")
        if not isinstance(name, str) or not name:
            raise MalformedError.at(f"{place}.field", "A condition names its field.", code="bad_filter")
        self._known(name, f"{place}.field")
        if not isinstance(op, str) or op not in OPS:
            raise MalformedError.at(
                f"{place}.op",
                "{op!r} is no operator{hint}; there are {known}.",
                code="bad_filter",
                op=op,
                hint=nearest(str(op), OPS),
                known=", ".join(OPS),
            )
        case_sensitive = document.get("case_sensitive", False)
        if not isinstance(case_sensitive, bool):
            raise MalformedError.at(
                f"{place}.case_sensitive", "case_sensitive is true or false.", code="bad_filter"
            )
        if "value" not in document and op != "exists":
            raise MalformedError.at(f"{place}.value", '"{op}" needs a value.', code="bad_filter", op=op)
        value = _value(op, document.get("value", True), f"{place}.value")
        return Condition(name, op, value, case_sensitive and op in TEXT_OPS)

    def _known(self, name: str, place: str) -> None:
        if self.fields is not None:
            check_fields([name], self.fields, place=place, code="bad_filter")


def _only(document: dict[str, Any], allowed: set[str], place: str) -> None:
    for key in document:
        if key not in allowed:
            raise MalformedError.at(
                f"{place}.{key}",
                "A filter has no part {key!r} beside {known}.",
                code="bad_filter",
                key=key,
                known=", ".join(sorted(allowed)),
            )


def _value(op: str, value: Any, place: str) -> Any:
    if op == "exists":
        if not isinstance(value, bool):
            raise MalformedError.at(place, '"exists" takes true or false.', code="bad_filter")
        return value
    if op == "between":
        if not isinstance(value, list) or len(value) != 2:
            raise MalformedError.at(
                place, '"between" takes a list of two values, both included.', code="bad_filter"
            )
        return [_scalar(item, f"{place}[{i}]") for i, item in enumerate(value)]
    if op == "in":
        if not isinstance(value, list) or not 0 < len(value) <= 10_000:
            raise MalformedError.at(place, '"in" takes a list of 1 to 10,000 values.', code="bad_filter")
        return [_scalar(item, f"{place}[{i}]") for i, item in enumerate(value)]
    value = _scalar(value, place)
    if op not in TEXT_OPS:
        return value
    if not isinstance(value, str) or not value:
        raise MalformedError.at(place, '"{op}" takes a text that is not empty.', code="bad_filter", op=op)
    if op == "matches":
        try:
            check_regex(value)
        except ValueError as error:
            raise MalformedError.at(place, "{reason}", code="bad_filter", reason=str(error)) from None
    return value


def _scalar(value: Any, place: str) -> Value:
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise MalformedError.at(
                place, "A value may have {most:,} characters at most.", code="bad_filter", most=MAX_TEXT
            )
        try:
            value.encode()
        except UnicodeEncodeError:
            raise MalformedError.at(
                place,
                "The value holds half of a surrogate pair, which no text can contain.",
                code="bad_filter",
            ) from None
        return value
    # An integer beyond 10^308 has no float at all.
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) < 10**300):
        return value
    if isinstance(value, float) and value == value and abs(value) != float("inf"):
        return value
    if value is None:
        raise MalformedError.at(
            place, 'A value cannot be null; use {"op": "exists", "value": false}.', code="bad_filter"
        )
    raise MalformedError.at(place, "A value is a text, a number or true or false.", code="bad_filter")


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
