"""Users' free expressions over a sample's fields: parsed by DuckDB, allowed node by node, and written anew.

What is run is never the user's text. DuckDB parses it into a tree; each node has to be one of the kinds below, each
function one of the lists below, each name a field; then SQL is made of the tree with values bound and names quoted.
An expression has one of three types, and a field is read as what its place wants, whatever a shard holds it as: what
cannot be read as that is NULL. So no shard makes an expression fail. Arithmetic is that of DOUBLE.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from themisdb_datasets.engine.query.duck import Error, connect
from themisdb_datasets.engine.query.patterns import check_regex, like_to_regex
from themisdb_datasets.engine.query.sql import ShardQuery
from themisdb_datasets.engine.query.terms import Call, Choice, Constant, FieldTerm, Instant, Node, Type
from themisdb_datasets.errors import MalformedError
from themisdb_datasets.names import nearest

MAX_TEXT = 4_000
MAX_NODES = 500
MAX_DEPTH = 100
MAX_SIZE = 2_000  # in parts, as it is written out
# DuckDB holds every text that is made on the way, for some thousand samples at once, and counts none of them as the memory
# that a query may use. So what an expression makes is counted here, in texts of fields.
MAX_MADE = 10

COMPARISONS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
}
ARITHMETIC = {"+": "+", "-": "-", "*": "*", "/": "/", "%": "%"}
# Functions by name: types of the arguments and of the result, and the SQL over them. None of them makes a text longer
# than its arguments are together.
FUNCTIONS: dict[str, tuple[tuple[Type, ...], Type, str]] = {
    "abs": (("number",), "number", "abs({0})"),
    "ceil": (("number",), "number", "ceil({0})"),
    "floor": (("number",), "number", "floor({0})"),
    "sign": (("number",), "number", "sign({0})"),
    # DuckDB raises for the root of a negative number and the logarithm of 0, and one such sample would fail
    # the whole query: so these are NULL, at the price of the argument standing there twice.
    "sqrt": (("number",), "number", "sqrt(CASE WHEN {0} >= 0 THEN {0} END)"),
    "ln": (("number",), "number", "ln(CASE WHEN {0} > 0 THEN {0} END)"),
    "log10": (("number",), "number", "log10(CASE WHEN {0} > 0 THEN {0} END)"),
    "exp": (("number",), "number", "exp({0})"),
    "pow": (("number", "number"), "number", "pow({0}, {1})"),
    "length": (("text",), "number", "CAST(length({0}) AS DOUBLE)"),
    "lower": (("text",), "text", "lower({0})"),
    "upper": (("text",), "text", "upper({0})"),
    "trim": (("text",), "text", "trim({0})"),
    "||": (("text", "text"), "text", "({0} || {1})"),
    "contains": (("text", "text"), "boolean", "contains({0}, {1})"),
    "starts_with": (("text", "text"), "boolean", "starts_with({0}, {1})"),
    "ends_with": (("text", "text"), "boolean", "suffix({0}, {1})"),
}
MAKERS = ("lower", "upper", "trim", "||")  # the functions that make a text
LIKES = {
    "~~": "regexp_matches({0}, {1}, 's')",
    "!~~": "(NOT regexp_matches({0}, {1}, 's'))",
    "~~*": "regexp_matches({0}, {1}, 'si')",
    "!~~*": "(NOT regexp_matches({0}, {1}, 'si'))",
}
ALIASES = {
    "power": "pow",
    "**": "pow",
    "^": "pow",
    "ceiling": "ceil",
    "len": "length",
    "suffix": "ends_with",
    "@": "abs",
}
VARIADIC = ("greatest", "least")
NUMBERS = ("DOUBLE", "FLOAT", "INTEGER", "BIGINT", "SMALLINT", "TINYINT", "HUGEINT", "DECIMAL")
CASTS: dict[str, Type] = {"VARCHAR": "text", "BOOLEAN": "boolean"}
CASTS.update(dict.fromkeys(NUMBERS, "number"))
KNOWN = sorted(
    filter(
        str.isidentifier,
        {*FUNCTIONS, *ALIASES, *VARIADIC, "round", "epoch", "year", "coalesce", "regexp_matches"},
    )
)


@dataclass(frozen=True)
class Expression:
    """A checked expression; `fields` are the names it reads, `made` how many fields' texts it makes on the way."""

    text: str
    root: Node
    fields: tuple[str, ...]
    num_made: int

    def sql(self, query: ShardQuery, want: Type) -> str:
        """SQL of the wanted type, NULL where there is no value."""
        return f"({self.root.sql(query, want)})"


def parse_expression(
    text: Any, *, fields: Iterable[str] | None = None, place: str = "expression"
) -> Expression:
    """Check an expression; MalformedError names the place and, for a name or function, the nearest known one."""
    if not isinstance(text, str) or not text.strip():
        raise MalformedError.at(
            place,
            "An expression is a text such as: length(text) > 200 and law like 'B%'.",
            code="bad_expression",
        )
    if len(text) > MAX_TEXT:
        raise MalformedError.at(
            place,
            "An expression has {most:,} characters at most, this one {count:,}.",
            code="bad_expression",
            most=MAX_TEXT,
            count=len(text),
        )
    try:
        expression = _parsed(text)
    except ValueError as error:
        raise MalformedError.at(place, "{reason}", code="bad_expression", reason=str(error)) from None
    if fields is not None:
        check_fields(expression.fields, set(fields), place=place, code="bad_expression")
    return expression


def check_fields(names: Iterable[str], known: Collection[str], *, place: str, code: str) -> None:
    """MalformedError for the first field that is not known.

    A deeper member of a known field is fine: its columns hold it as JSON text.
    """
    for name in names:
        if not any(".".join(name.split(".")[:cut]) in known for cut in range(1, name.count(".") + 2)):
            raise MalformedError.at(
                place,
                "There is no field {name!r} in this dataset{hint}.",
                code=code,
                name=name,
                hint=nearest(name, known),
            )


@lru_cache(maxsize=256)
def _parsed(text: str) -> Expression:
    builder = _Builder()
    root = builder.node(_tree(text))
    if root.size > MAX_SIZE:
        raise ValueError("An expression nests between, sqrt, ln and log10 a few deep at most.")
    return Expression(text, root, tuple(dict.fromkeys(builder.fields)), builder.num_made)


def _tree(text: str) -> dict[str, Any]:
    """DuckDB's tree of the one expression that the text is; ValueError for anything else."""
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("The expression holds half of a surrogate pair, which no text can contain.")
    # The text is bound, so it is parsed and never run, whatever it holds.
    with connect([]) as connection:
        try:
            row = connection.execute(
                "SELECT json_serialize_sql($text)", {"text": f"SELECT {text}"}
            ).fetchone()
        except Error as error:
            raise ValueError(f"The expression cannot be read: {str(error).splitlines()[0]}") from None
    assert row is not None  # a SELECT without FROM always has its one row
    try:
        document = msgspec.json.decode(row[0])
    except (msgspec.DecodeError, RecursionError):
        # DuckDB writes a number beyond all bounds as Infinity, which is not JSON.
        raise ValueError("The expression is nested too deeply, or has a number that is too large.") from None
    if document["error"]:
        raise ValueError(f"The expression cannot be read: {document['error_message'].splitlines()[0]}")
    nodes = [statement["node"] for statement in document["statements"]]
    # `SELECT {text}` may have become anything that begins so: another statement behind a semicolon, a FROM, a
    # LIMIT.
    bare = len(nodes) == 1 and nodes[0]["type"] == "SELECT_NODE" and nodes[0]["from_table"]["type"] == "EMPTY"
    clauses = ("where_clause", "group_expressions", "having", "sample", "qualify", "modifiers")
    if not bare or any(nodes[0][clause] for clause in clauses) or nodes[0]["cte_map"]["map"]:
        raise ValueError("This is more than an expression; leave out everything of a query around it.")
    if len(nodes[0]["select_list"]) != 1 or nodes[0]["select_list"][0]["alias"]:
        raise ValueError("This is more than one expression.")
    tree: dict[str, Any] = nodes[0]["select_list"][0]
    return tree


class _Builder:
    """Makes our tree of DuckDB's; everything that is not listed is refused."""

    def __init__(self) -> None:
        self.fields: list[str] = []
        self.num_made = 0
        self._count = 0
        self._depth = 0

    def node(self, tree: dict[str, Any]) -> Node:
        self._count += 1
        if self._count > MAX_NODES:
            raise ValueError(f"An expression has {MAX_NODES} parts at most.")
        if self._depth >= MAX_DEPTH:
            raise ValueError(f"An expression may be nested {MAX_DEPTH} deep at most.")
        self._depth += 1
        node = self._node(tree)
        self._depth -= 1
        return node

    def _node(self, tree: dict[str, Any]) -> Node:
        kinds: dict[str, Callable[[dict[str, Any]], Node]] = {
            "COLUMN_REF": self._column,
            "CONSTANT": self._constant,
            "COMPARISON": self._comparison,
            "CONJUNCTION": self._conjunction,
            "OPERATOR": self._operator,
            "BETWEEN": self._between,
            "CASE": self._case,
            "CAST": self._cast,
            "FUNCTION": self._function,
        }
        build = kinds.get(tree["class"])
        if build is None:
            raise ValueError(f"An expression cannot have a {tree['class'].lower().replace('_', ' ')}.")
        return build(tree)

    def _column(self, tree: dict[str, Any]) -> Node:
        self.fields.append(".".join(tree["column_names"]))
        return FieldTerm(self.fields[-1])

    def _constant(self, tree: dict[str, Any]) -> Node:
        value, kind = tree["value"], tree["value"]["type"]["id"]
        if value["is_null"]:
            return Constant(None, None)
        raw = value["value"]
        if kind == "VARCHAR" and isinstance(raw, str):
            return Constant(raw, "text")
        # DuckDB reads 0.1 as a DECIMAL; as a double it is the 0.1 that a sample has.
        if kind == "DECIMAL":
            scale = value["type"]["type_info"]["scale"]
            return Constant(_whole(raw) / 10**scale, "number")
        if kind in NUMBERS:
            return Constant(float(raw) if kind in ("DOUBLE", "FLOAT") else float(_whole(raw)), "number")
        raise ValueError(f"An expression cannot have a value of type {kind}.")

    def _comparison(self, tree: dict[str, Any]) -> Node:
        sign = COMPARISONS.get(tree["type"])
        if sign is None:
            raise ValueError("Compare with =, <>, <, <=, > or >=.")
        left, right = self.node(tree["left"]), self.node(tree["right"])
        kind = _common(left, right)
        return Call(f"({{0}} {sign} {{1}})", ((left, kind), (right, kind)), "boolean")

    def _conjunction(self, tree: dict[str, Any]) -> Node:
        word = " AND " if tree["type"] == "CONJUNCTION_AND" else " OR "
        return self._joined(
            f"({word.join(_slots(len(tree['children'])))})", tree["children"], "boolean", "boolean"
        )

    def _operator(self, tree: dict[str, Any]) -> Node:
        kind, children = tree["type"], tree["children"]
        if kind == "OPERATOR_NOT":
            return self._joined("(NOT {0})", children, "boolean", "boolean")
        if kind in ("OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"):
            word = "IS NULL" if kind == "OPERATOR_IS_NULL" else "IS NOT NULL"
            child = self.node(children[0])
            return Call(f"({{0}} {word})", ((child, child.type or "text"),), "boolean")
        if kind in ("COMPARE_IN", "COMPARE_NOT_IN"):
            word = "IN" if kind == "COMPARE_IN" else "NOT IN"
            nodes = [self.node(child) for child in children]
            common = _common(*nodes)
            first, *rest = _slots(len(nodes))
            return Call(
                f"({first} {word} ({', '.join(rest)}))", tuple((node, common) for node in nodes), "boolean"
            )
        if kind == "OPERATOR_COALESCE":
            results = tuple(self.node(child) for child in children)
            template = f"COALESCE({', '.join(_slots(len(results)))})"
            return Choice(template, (), results, _common_or_none(*results))
        raise ValueError(f"An expression cannot have {kind.lower().replace('_', ' ')}.")

    def _between(self, tree: dict[str, Any]) -> Node:
        nodes = [self.node(tree[name]) for name in ("input", "lower", "upper")]
        kind = _common(*nodes)
        # DuckDB would write a BETWEEN out like this, unseen.
        return Call("({0} >= {1} AND {0} <= {2})", tuple((node, kind) for node in nodes), "boolean")

    def _case(self, tree: dict[str, Any]) -> Node:
        checks = tree["case_checks"]
        conditions = tuple(self.node(check["when_expr"]) for check in checks)
        results = (*(self.node(check["then_expr"]) for check in checks), self.node(tree["else_expr"]))
        slots = _slots(len(conditions) + len(results))
        whens = " ".join(f"WHEN {slots[n]} THEN {slots[len(conditions) + n]}" for n in range(len(conditions)))
        return Choice(f"CASE {whens} ELSE {slots[-1]} END", conditions, results, _common_or_none(*results))

    def _cast(self, tree: dict[str, Any]) -> Node:
        kind = CASTS.get(tree["cast_type"]["id"])
        if kind is None:
            raise ValueError(
                f"A value cannot be cast to {tree['cast_type']['id']}; to DOUBLE, VARCHAR or BOOLEAN."
            )
        return self._joined("{0}", [tree["child"]], kind, kind)

    def _function(self, tree: dict[str, Any]) -> Node:
        plain = not (tree["filter"] or tree["distinct"] or tree["order_bys"]["orders"] or tree["catalog"])
        # Nothing of count(DISTINCT …) FILTER (…), and no function out of a schema that was named.
        if not plain or tree["schema"] not in ("", "main"):
            raise ValueError("A function takes its arguments and nothing else.")
        name, children = ALIASES.get(tree["function_name"], tree["function_name"]), tree["children"]
        if name in ("+", "-") and len(children) == 1:
            return self._joined(f"({name}{{0}})", children, "number", "number")
        if name in ARITHMETIC and len(children) == 2:
            return self._joined(f"({{0}} {ARITHMETIC[name]} {{1}})", children, "number", "number")
        if name in VARIADIC and children:
            return self._joined(f"{name}({', '.join(_slots(len(children)))})", children, "number", "number")
        if name in ("epoch", "year") and len(children) == 1:
            child = self.node(children[0])
            if not isinstance(child, FieldTerm):
                raise ValueError(f"{name}() takes a field.")
            return Instant(child.name, name == "year")
        if name == "round" and 1 <= len(children) <= 2:
            return self._round(children)
        if name == "regexp_matches" and len(children) == 2:
            return self._matches(children, "regexp_matches({0}, {1})", "({})".format)
        if name in LIKES and len(children) == 2:
            return self._matches(children, LIKES[name], like_to_regex)
        if name not in FUNCTIONS:
            raise ValueError(f"There is no function {name!r}{nearest(name, KNOWN)}.")
        wanted, kind, template = FUNCTIONS[name]
        if len(children) != len(wanted):
            raise ValueError(
                f"{name}() takes {len(wanted)} argument{'s' * (len(wanted) > 1)}, not {len(children)}."
            )
        call = Call(template, tuple(zip(map(self.node, children), wanted, strict=True)), kind)
        if name in MAKERS:
            self._make(call)
        return call

    def _make(self, call: Call) -> None:
        self.num_made += call.width
        if self.num_made > MAX_MADE:
            raise ValueError(
                f"An expression may join, lower, upper or trim {MAX_MADE} texts of fields at most, counting again"
                " those that are in what it joins."
            )

    def _round(self, children: list[dict[str, Any]]) -> Node:
        digits = self.node(children[1]) if len(children) == 2 else Constant(0.0, "number")
        if (
            not isinstance(digits, Constant)
            or not isinstance(digits.value, float)
            or not 0 <= digits.value <= 12
        ):
            raise ValueError("round() takes a number of digits from 0 to 12.")
        return self._joined(f"round({{0}}, {int(digits.value)})", children[:1], "number", "number")

    def _matches(
        self, children: list[dict[str, Any]], template: str, translate: Callable[[str], str]
    ) -> Node:
        pattern = self.node(children[1])
        if not isinstance(pattern, Constant) or not isinstance(pattern.value, str):
            raise ValueError("A pattern is a text between quotes.")
        # Only a constant, for a pattern out of a field could be invalid in one sample and fail the query.
        regex = Constant(check_regex(translate(pattern.value)), "text")
        return Call(template, ((self.node(children[0]), "text"), (regex, "text")), "boolean")

    def _joined(self, template: str, children: list[dict[str, Any]], wanted: Type, kind: Type) -> Node:
        return Call(template, tuple((self.node(child), wanted) for child in children), kind)


def _slots(count: int) -> list[str]:
    return [f"{{{number}}}" for number in range(count)]


def _whole(raw: Any) -> int:
    """An integer as DuckDB writes it: one beyond 64 bits comes in two halves."""
    return (int(raw["upper"]) << 64) + int(raw["lower"]) if isinstance(raw, dict) else int(raw)


def _common_or_none(*nodes: Node) -> Type | None:
    """The type of those that have one: numbers win over text, so that a widened field compares as a number."""
    types = {node.type for node in nodes} - {None}
    if len(types) > 1:
        return "number" if "number" in types else "text"
    return next(iter(types), None)


def _common(*nodes: Node) -> Type:
    return _common_or_none(*nodes) or "text"
