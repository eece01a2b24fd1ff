"""The weight of one sample by its dataset's rules, and the other factors that a request can ask for."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from themis_admin.datasets.models import Version, WeightingRule
from themis_admin.storage.stores import limits
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.weights.preview import explain
from themisdb_datasets.engine.weights.rules import WeightingRule as Rule
from themisdb_datasets.engine.weights.rules import parse_rule
from themisdb_datasets.engine.weights.weighting import MAX_WEIGHT, Explicit, Freshness, Length, Weighting
from themisdb_datasets.errors import MalformedError

MAX_RULES = 50
# What the export API takes where a request says nothing else.
WEIGHT_FIELD = "importance"
HALF_LIFE_DAYS = 90.0
ASKED_BY = {
    "explicit": "always",
    "length": "auto_weight_by_length",
    "freshness": "auto_weight_by_freshness",
}

# They are told with the others so that one sees what they
# would do, but a stream multiplies them in only if it asks.
ON_DEMAND = ("length", "freshness")  # what a request has to ask for by itself


@dataclass(frozen=True)
class Factor:
    """A factor: its definition, how a request asks for it, whether the weight has it, and its rule where it is one."""

    name: str
    definition: dict[str, Any]
    asked_by: str
    counts: bool
    value: float
    rule: WeightingRule | None


@dataclass(frozen=True)
class Weighed:
    """A weight, the clamped product of the factors that count, and all of them."""

    weight: float
    factors: list[Factor]


def weigh(version: Version, position: int) -> Weighed:
    """The weight that its own number and all rules give to the sample. IndexError outside the version."""
    dataset, as_of = version.dataset, version.as_of.timestamp()
    names = {field["name"] for field in version.fields}
    output, time = dataset.field_mapping.get("output_field", ""), dataset.timestamp_field
    rules = dict(_rules(version))
    pinned = tuple((row.name, rule.pinned(as_of)) for row, rule in rules.values())
    weighting = Weighting(
        explicit=Explicit(WEIGHT_FIELD, 1.0) if WEIGHT_FIELD in names else None,
        length=Length(parse_value(output)) if output else None,
        freshness=Freshness(time, HALF_LIFE_DAYS, as_of) if time in names else None,
        rules=pinned,
    )
    found = explain(version.open(), weighting, position, limits=limits())
    own: dict[str, Any] = {
        "explicit": {"kind": "value", "field": WEIGHT_FIELD},
        "length": {"kind": "length", "of": output},
        "freshness": {"kind": "freshness", "field": time, "half_life_days": HALF_LIFE_DAYS},
    }
    factors = []
    for name, value in found.factors.items():
        row = rules[name][0] if name in rules else None
        definition = own[name] if row is None else row.definition
        factors.append(
            Factor(name, definition, ASKED_BY.get(name, "rules"), name not in ON_DEMAND, value, row)
        )
    # The engine has multiplied all of them, those on demand
    # too, so what a plain request would get is multiplied anew.
    weight = min(max(prod(factor.value for factor in factors if factor.counts), 0.0), MAX_WEIGHT)
    return Weighed(round(weight, 4), factors)


def _rules(version: Version) -> Iterator[tuple[str, tuple[WeightingRule, Rule]]]:
    for row in version.dataset.weighting_rules.order_by("name", "pk")[:MAX_RULES]:
        try:
            yield row.name, (row, parse_rule(row.definition))
        except MalformedError:
            continue  # saved by a release that took it
