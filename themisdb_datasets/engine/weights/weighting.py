"""Weights: the clamped product of an explicit, a length and a freshness factor and those of rules, as one SQL expression.

Weights are integers of 1/10,000, so that every platform gives the same: `weight = clamp(product, 0, 2)`.
"""

from dataclasses import dataclass
from typing import Any

from themisdb_datasets.engine.query.mapping import MappedValue, parse_value
from themisdb_datasets.engine.query.sql import ShardQuery
from themisdb_datasets.engine.weights.rules import (
    AdaptiveRule,
    FreshnessRule,
    LengthRule,
    Rule,
    WeightingRule,
    bounded,
    parse_rule,
)

UNIT = 10_000
MAX_WEIGHT = 2.0


@dataclass(frozen=True)
class Explicit:
    """The weight that a sample brings itself, or a default; a value that is no number counts as missing."""

    field: str
    default: float

    def to_document(self) -> dict[str, Any]:
        return {"field": self.field, "default": self.default}

    def to_sql(self, query: ShardQuery) -> str:
        return bounded(query.number(self.field), query.bind(self.default))


@dataclass(frozen=True)
class Length:
    """The rule of this kind over the output, with its usual scale and bonus."""

    of: MappedValue

    def to_document(self) -> dict[str, Any]:
        return {"of": self.of.source}

    def to_sql(self, query: ShardQuery) -> str:
        return LengthRule(of=self.of.source).to_sql(query)


@dataclass(frozen=True)
class Freshness:
    """The rule of this kind; `missing` is for a sample without a timestamp."""

    field: str
    half_life_days: float
    as_of: float  # seconds since 1970 UTC
    missing: float = 1.0

    def to_document(self) -> dict[str, Any]:
        return {
            "field": self.field,
            "half_life_days": self.half_life_days,
            "as_of": self.as_of,
            "missing": self.missing,
        }

    def to_sql(self, query: ShardQuery) -> str:
        rule = FreshnessRule(
            field=self.field, half_life_days=self.half_life_days, as_of=self.as_of, missing=self.missing
        )
        return rule.to_sql(query)


@dataclass(frozen=True)
class Weighting:
    """The factors of a delivery; none at all means weight 1.0. Rules come with the names they are known by."""

    explicit: Explicit | None = None
    length: Length | None = None
    freshness: Freshness | None = None
    rules: tuple[tuple[str, WeightingRule], ...] = ()

    @property
    def factors(self) -> dict[str, Rule]:
        """The factors that apply, by name."""
        named = {"explicit": self.explicit, "length": self.length, "freshness": self.freshness}
        own: dict[str, Rule] = {name: factor for name, factor in named.items() if factor is not None}
        return {**own, **dict(self.rules)}

    @property
    def files(self) -> tuple[str, ...]:
        """The digests of the published files that its rules read."""
        return tuple(rule.factors for _, rule in self.rules if isinstance(rule, AdaptiveRule))

    def to_document(self) -> dict[str, Any]:
        named = {"explicit": self.explicit, "length": self.length, "freshness": self.freshness}
        document: dict[str, Any] = {
            name: factor.to_document() for name, factor in named.items() if factor is not None
        }
        if self.rules:
            document["rules"] = [[name, rule.to_document()] for name, rule in self.rules]
        return document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Weighting":
        """The weighting that `to_document` wrote."""
        explicit, length, freshness = (document.get(name) for name in ("explicit", "length", "freshness"))
        return cls(
            None if explicit is None else Explicit(**explicit),
            None if length is None else Length(parse_value(length["of"])),
            None if freshness is None else Freshness(**freshness),
            tuple((name, parse_rule(rule)) for name, rule in document.get("rules", ())),
        )

    def to_sql(self, query: ShardQuery) -> str:
        """The weight in units of 1/10,000 as an integer expression, 0 to 20,000."""
        product = " * ".join(f"({factor.to_sql(query)})" for factor in self.factors.values()) or "1.0"
        return f"CAST(round(greatest(0.0, least({MAX_WEIGHT}, {product})) * {UNIT}) AS USMALLINT)"
