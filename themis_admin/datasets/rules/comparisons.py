"""Two weightings of a dataset compared over a version, or over what a theme keeps of it."""

from collections.abc import Iterable, Sequence
from typing import Any

from themis_admin.datasets.models import Theme, Version, WeightingRule
from themis_admin.storage.stores import kept_files
from themisdb_datasets.engine.query.expressions import MAX_MADE
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.selections.comparison import Comparison, Side, compare
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.weights.rules import MAX_RULES, parse_rule
from themisdb_datasets.engine.weights.weighting import Weighting
from themisdb_datasets.errors import MalformedError


def compare_rules(
    version: Version,
    a: Sequence[WeightingRule],
    b: Sequence[WeightingRule],
    *,
    theme: Theme | None = None,
    length: int = 10,
) -> Comparison:
    """Compare the weights that the rules of a, and those of b, give together; the selections are kept for streams."""
    conditions = () if theme is None else (parse_filter(theme.where),)
    opened = version.open()
    weightings = [_weighting(version, rules, place) for rules, place in ((a, "a"), (b, "b"))]
    # The same selections that streams with these rules use,
    # so a comparison costs nothing where one has streamed.
    found = [kept_files().get(opened, version.digest, Criteria(conditions, each)) for each in weightings]
    return compare(*found, length=length)


def _weighting(version: Version, rules: Sequence[WeightingRule], place: str) -> Weighting:
    parsed = [(row.name, parse_rule(row.definition)) for row in rules]
    if len(parsed) > MAX_RULES or len(dict(parsed)) < len(parsed):
        raise MalformedError.at(place, "A weighting has up to {most} rules, each once.", most=MAX_RULES)
    if sum(rule.num_made for _, rule in parsed) > MAX_MADE:
        raise MalformedError.at(
            place,
            "The expressions of all rules together may make {most} texts of fields at most.",
            most=MAX_MADE,
        )
    as_of = version.as_of.timestamp()
    return Weighting(rules=tuple((name, rule.pinned(as_of)) for name, rule in parsed))


def to_document(found: Comparison, version: Version, theme: Theme | None) -> dict[str, Any]:
    """A comparison as the API tells it."""
    return {
        "version": version.pk,
        "theme": None if theme is None else theme.pk,
        "num_samples": found.num_samples,
        "a": _side(found.a),
        "b": _side(found.b),
        "bins": [{"from": start, "to": stop, "a": a, "b": b} for start, stop, a, b in found.bins],
        "num_gaining": found.num_gaining,
        "num_losing": found.num_losing,
        "moved": round(found.moved, 6),
        "correlation": None if found.correlation is None else round(found.correlation, 6),
        "gaining": list(_changes(found.gaining, version)),
        "losing": list(_changes(found.losing, version)),
    }


def _side(side: Side) -> dict[str, Any]:
    return {
        "least": side.least,
        "mean": side.mean,
        "most": side.most,
        "num_zero": side.num_zero,
        "effective_sample_size": side.effective,
    }


def _changes(changes: Iterable[Any], version: Version) -> Iterable[dict[str, Any]]:
    for each in changes:
        yield {**each._asdict(), "sample": f"{version.url}samples/{each.position}/"}
