"""Weighting rules: each gives one factor, which multiplies a sample's weight.

A rule's document is its kind with what that kind needs. What a plan keeps is the pinned document, with the moment that
ages are counted from.
"""

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Any, Protocol, get_args

import msgspec
from msgspec import Meta

from themisdb_datasets.engine.query.expressions import check_fields, parse_expression
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.query.sql import ShardQuery
from themisdb_datasets.errors import MalformedError, place_and_reason
from themisdb_datasets.names import nearest

LARGEST = 1e9  # what a factor is clamped to, so that a product is always a number
SECONDS_A_DAY = 86_400.0
CURVE_STEPS = 60
MAX_ENTRIES = 1_000
MAX_RULES = 20  # of one weighting: their product stays a number, and what they make stays in memory

Name = Annotated[str, Meta(min_length=1, max_length=500)]
FactorNumber = Annotated[float, Meta(ge=0, le=1e6)]
Number = Annotated[float, Meta(ge=-1e15, le=1e15)]
Points = Annotated[list[tuple[Number, FactorNumber]], Meta(max_length=MAX_ENTRIES)]

Curve = list[tuple[float, float]]


class Rule(Protocol):
    """A factor."""

    def to_sql(self, query: ShardQuery) -> str:
        """The factor as a DOUBLE, never NULL and never beyond 10^9."""


class _Base(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", kw_only=True):
    missing: FactorNumber = 1.0  # the factor of a sample that has no value

    def to_document(self) -> dict[str, Any]:
        """The rule as it is written."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in document.items() if value is not None}

    def pinned(self, as_of: float) -> "WeightingRule":
        """The rule at a moment, in seconds since 1970 UTC."""
        return self  # type: ignore[return-value]  # every subclass is one

    def curve(self) -> Curve | None:
        """Points (value, factor) to draw it by; None for a rule that has no axis."""
        return None

    def reads(self) -> tuple[str, ...]:
        """The fields it reads."""
        field: str = getattr(self, "field")  # noqa: B009 - a subclass without one has a reading of its own
        return (field,)

    @property
    def num_made(self) -> int:
        """How many fields' texts it makes on the way (see expressions)."""
        return 0

    def check(self) -> None:
        """ValueError for what the types do not say, with the place before a colon."""


class ValueRule(_Base, frozen=True, tag="value"):
    """The number that the field holds, times `scale`."""

    field: Name
    scale: Number = 1.0

    def to_sql(self, query: ShardQuery) -> str:
        return bounded(f"{query.number(self.field)} * {query.bind(self.scale)}", query.bind(self.missing))


class MapRule(_Base, frozen=True, tag="map"):
    """A factor for each of some values, spelled as text, and one for all others."""

    field: Name
    factors: Annotated[dict[str, FactorNumber], Meta(min_length=1, max_length=MAX_ENTRIES)]
    default: FactorNumber = 1.0

    def to_sql(self, query: ShardQuery) -> str:
        value = query.spelled(self.field)
        whens = (
            f"WHEN {query.bind(name)} THEN {query.bind(factor)}" for name, factor in self.factors.items()
        )
        return (
            f"CASE WHEN {value} IS NULL THEN {query.bind(self.missing)}"
            f" ELSE CASE {value} {' '.join(whens)} ELSE {query.bind(self.default)} END END"
        )


class FreshnessRule(_Base, frozen=True, tag="freshness"):
    """0.5 ^ (age in days / half-life), 1 for the future."""

    field: Name
    half_life_days: Annotated[float, Meta(gt=0, le=1e6)] = 90.0
    as_of: Number | None = None  # seconds since 1970 UTC

    def pinned(self, as_of: float) -> "FreshnessRule":
        return self if self.as_of is not None else msgspec.structs.replace(self, as_of=as_of)

    def to_sql(self, query: ShardQuery) -> str:
        instant = query.instant(self.field)
        # greatest() and least() pass over NULL, so what is absent has to be told apart before.
        since = f"CASE WHEN {instant} IS NOT NULL THEN greatest(0, {query.bind(self.as_of)} - {instant}) END"
        age = f"({since}) / {SECONDS_A_DAY}"
        return bounded(f"pow(0.5, {age} / {query.bind(self.half_life_days)})", query.bind(self.missing))

    def curve(self) -> Curve:
        """Over the age in days."""
        span = 4 * self.half_life_days
        return _curve(span, lambda age: 0.5 ** (age / self.half_life_days))


class LengthRule(_Base, frozen=True, tag="length"):
    """1 + min(bonus, characters / scale) of a field or template."""

    of: Annotated[str, Meta(min_length=1, max_length=10_000)]
    scale: Annotated[float, Meta(gt=0, le=1e9)] = 2000.0
    bonus: FactorNumber = 0.5

    def to_sql(self, query: ShardQuery) -> str:
        length = parse_value(self.of).length_sql(query)
        more = f"least({query.bind(self.bonus)}, {length} / {query.bind(self.scale)})"
        return bounded(f"CASE WHEN {length} IS NOT NULL THEN 1 + {more} END", query.bind(self.missing))

    def curve(self) -> Curve:
        """Over the number of characters."""
        return _curve(
            2 * self.scale * max(self.bonus, 0.1), lambda size: 1 + min(self.bonus, size / self.scale)
        )

    def reads(self) -> tuple[str, ...]:
        return parse_value(self.of).fields

    def check(self) -> None:
        parse_value(self.of, place="of")


class LinearRule(_Base, frozen=True, tag="linear"):
    """Straight lines between points (value, factor), level beyond the first and the last."""

    field: Name
    points: Points

    def to_sql(self, query: ShardQuery) -> str:
        value = query.number(self.field)
        (first, level), *_ = self.points
        whens = [f"WHEN {value} <= {query.bind(first)} THEN {query.bind(level)}"]
        for (x0, y0), (x1, y1) in pairwise(self.points):
            slope = query.bind((y1 - y0) / (x1 - x0))
            line = f"{query.bind(y0)} + ({value} - {query.bind(x0)}) * {slope}"
            whens.append(f"WHEN {value} <= {query.bind(x1)} THEN {line}")
        last = query.bind(self.points[-1][1])
        # NaN, which DuckDB sorts above all numbers, is below no point; without this it would have the factor
        # of the last.
        factor = f"CASE {' '.join(whens)} WHEN NOT isnan({value}) THEN {last} END"
        return bounded(factor, query.bind(self.missing))

    def curve(self) -> Curve:
        """Over the field's value."""
        return [(x, y) for x, y in self.points]

    def check(self) -> None:
        _check_ascending(self.points, "points", least=2)


class StepRule(_Base, frozen=True, tag="step"):
    """The factor of the last step (from this value on, factor) that the value reaches; `default` below the first."""

    field: Name
    steps: Points
    default: FactorNumber = 1.0

    def to_sql(self, query: ShardQuery) -> str:
        value = query.number(self.field)
        whens = (f"WHEN {value} >= {query.bind(x)} THEN {query.bind(y)}" for x, y in reversed(self.steps))
        missing, default = query.bind(self.missing), query.bind(self.default)
        # Before the steps, for DuckDB has NaN reach every one of them.
        absent = f"{value} IS NULL OR isnan({value})"
        return f"CASE WHEN {absent} THEN {missing} {' '.join(whens)} ELSE {default} END"

    def curve(self) -> Curve:
        """Over the field's value, two points a step."""
        span = (self.steps[-1][0] - self.steps[0][0]) or abs(self.steps[0][0]) or 1.0
        points = [(self.steps[0][0] - span / 4, self.default)]
        for x, y in self.steps:
            points += [(x, points[-1][1]), (x, y)]
        return [*points, (self.steps[-1][0] + span / 4, points[-1][1])]

    def check(self) -> None:
        _check_ascending(self.steps, "steps", least=1)


class ExpressionRule(_Base, frozen=True, tag="expression"):
    """What a checked expression over the fields gives."""

    expression: Annotated[str, Meta(min_length=1)]

    def to_sql(self, query: ShardQuery) -> str:
        return bounded(parse_expression(self.expression).sql(query, "number"), query.bind(self.missing))

    def reads(self) -> tuple[str, ...]:
        return parse_expression(self.expression).fields

    @property
    def num_made(self) -> int:
        return parse_expression(self.expression).num_made

    def check(self) -> None:
        parse_expression(self.expression)


class AdaptiveRule(_Base, frozen=True, tag="adaptive"):
    """A factor for each sample, by its id, out of a published file that `difficulty.write_factors` made."""

    factors: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]  # the file's SHA-256

    def to_sql(self, query: ShardQuery) -> str:
        # The file has each id once, and in it every factor is a number within bounds.
        factor = (
            f"SELECT factor FROM read_parquet({query.bind(query.stored(self.factors))}) WHERE id = sample_id"
        )
        return f"COALESCE(({factor}), {query.bind(self.missing)})"

    def reads(self) -> tuple[str, ...]:
        return ()


WeightingRule = (
    ValueRule | MapRule | FreshnessRule | LengthRule | LinearRule | StepRule | ExpressionRule | AdaptiveRule
)
KINDS: dict[str, type[_Base]] = {str(rule.__struct_config__.tag): rule for rule in get_args(WeightingRule)}


def parse_rule(document: Any, *, fields: Iterable[str] | None = None) -> WeightingRule:
    """Check a rule's document; MalformedError names the place, and the nearest known word for an unknown one.

    With `fields`, the names of a dataset's fields, others are refused.
    """
    if not isinstance(document, dict):
        raise MalformedError.at(
            "kind", 'A rule is an object such as {"kind": "freshness", "field": "amended"}.', code="bad_rule"
        )
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise MalformedError.at(
            "kind",
            "{kind!r} is no kind of rule{hint}; there are {known}.",
            code="bad_rule",
            kind=kind,
            hint=nearest(str(kind), KINDS),
            known=", ".join(KINDS),
        )
    known = ("kind", *KINDS[kind].__struct_fields__)
    for name in document:
        if name not in known:
            raise MalformedError.at(
                name,
                "A rule of kind {kind} has no {name!r}{hint}.",
                code="bad_rule",
                kind=kind,
                name=name,
                hint=nearest(name, known),
            )
    _check_storable(document)
    try:
        rule: WeightingRule = msgspec.convert(document, WeightingRule, strict=True)
        rule.check()
    except msgspec.ValidationError as error:
        path, reason = place_and_reason(error)
        place = path or reason.partition("`")[2].partition("`")[0] or "kind"
        raise MalformedError.at(
            place, "{place}: {reason}.", code="bad_rule", place=place, reason=reason
        ) from None
    except ValueError as error:
        place, _, reason = str(error).partition(": ")
        raise MalformedError.at(place, "{reason}", code="bad_rule", reason=reason) from None
    _check_fields(rule, fields)
    return rule


def _check_storable(document: dict[str, Any]) -> None:
    """Refuse what JSON or a database cannot keep, which the types let pass: NaN, U+0000, half of a surrogate pair."""
    for place, value in document.items():
        left = [value]
        while left:
            part = left.pop()
            if isinstance(part, dict):
                left += [*part, *part.values()]
            elif isinstance(part, (list, tuple)):
                left += part
            elif isinstance(part, float) and not math.isfinite(part):
                raise MalformedError.at(
                    place, "{place}: a number has to be finite.", code="bad_rule", place=place
                )
            elif isinstance(part, str) and any(
                character == "\0" or "\ud800" <= character <= "\udfff" for character in part
            ):
                raise MalformedError.at(
                    place,
                    "{place}: the text holds a character that cannot be stored.",
                    code="bad_rule",
                    place=place,
                )


def _check_fields(rule: WeightingRule, fields: Iterable[str] | None) -> None:
    if fields is None:
        return
    place = {"length": "of", "expression": "expression"}.get(rule.to_document()["kind"], "field")
    check_fields(rule.reads(), list(fields), place=place, code="bad_rule")


def bounded(factor: str, missing: str) -> str:
    """A factor that is always a number within bounds; `missing` where it is NULL or no number."""
    value = f"CAST({factor} AS DOUBLE)"
    return f"COALESCE(CASE WHEN NOT isnan({value}) THEN greatest(-{LARGEST}, least({LARGEST}, {value})) END, {missing})"


def _check_ascending(points: Points, place: str, *, least: int) -> None:
    if len(points) < least:
        raise ValueError(f"{place}: give {least} or more, each a pair of a value and its factor")
    if any(after[0] <= before[0] for before, after in pairwise(points)):
        raise ValueError(f"{place}: the values have to ascend")


def _curve(span: float, factor: Any) -> Curve:
    steps = (span * number / CURVE_STEPS for number in range(CURVE_STEPS + 1))
    return [(value, factor(value)) for value in steps]
