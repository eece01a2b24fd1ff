"""What people do with weighting rules: create, change, delete, and look at what a rule gives."""

from collections.abc import Mapping
from typing import Any

from themis_admin.accounts.models import User
from themis_admin.datasets import cleaning, rows
from themis_admin.datasets.models import Dataset, Version, WeightingRule
from themis_admin.storage import stores
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.weights.preview import Explanation, Spread, explain, spread
from themisdb_datasets.engine.weights.rules import AdaptiveRule, parse_rule
from themisdb_datasets.engine.weights.rules import WeightingRule as Rule
from themisdb_datasets.engine.weights.weighting import Weighting
from themisdb_datasets.errors import ConflictError, ImpossibleError, MalformedError, NotFoundError

RESERVED = ("explicit", "length", "freshness")  # the factors that a request has by itself


def clean_definition(value: Any, dataset: Dataset) -> dict[str, Any]:
    """A rule's definition over the dataset's latest version, written canonically."""
    rule = parse_rule(value, fields=cleaning.known_fields(dataset.latest))
    if isinstance(rule, AdaptiveRule) and not dataset.factors.filter(digest=rule.factors).exists():
        raise MalformedError.at(
            "factors",
            "The dataset has no such factors; they are made of what a run told, at feedback/{id}/weighting/.",
            code="bad_rule",
        )
    return rule.to_document()


def check_free(dataset: Dataset, name: str) -> None:
    """ConflictError where a rule has the name already, MalformedError where none may have it."""
    values = _values(dataset, {"name": name})
    if dataset.weighting_rules.named(values["name"]).exists():
        raise rows.name_taken(values["name"], "weighting rule")


def create_rule(
    dataset: Dataset, *, user: User, name: Any, definition: Any, description: Any = ""
) -> WeightingRule:
    """Save a rule under a name; ConflictError when the name is taken in any case."""
    values = _values(dataset, {"name": name, "definition": definition, "description": description})
    return rows.create(WeightingRule, dataset, user=user, values=values)


def update_rule(rule: WeightingRule, *, user: User, **changes: Any) -> WeightingRule:
    """Change a rule; streams that are already planned keep the rule they were planned with.

    ConflictError for other factors in place of those that were made of a run: what they are called by never changes.
    """
    values = _values(rule.dataset, changes)
    # A plan names the rule's factors by their digest, and people name the rule. If it could read another
    # run's factors tomorrow, two runs that used it would not be comparable, and nobody would see it.
    if rule.definition["kind"] == "adaptive" and values.get("definition", rule.definition) != rule.definition:
        raise ConflictError.at(
            "definition",
            "The rule is made of a run, so only its name and description may change; make another rule.",
            code="immutable_rule",
        )
    return rows.update(rule, user=user, values=values)


def delete_rule(rule: WeightingRule, *, user: User) -> None:
    """Delete a rule; plans that were made with it keep its text."""
    rows.delete(rule, user=user)


def preview(dataset: Dataset, definition: Any, where: Any = None) -> Spread:
    """How a rule's factors are spread over the dataset's latest version, or over what a filter keeps of it."""
    version = _latest(dataset)
    names = cleaning.known_fields(version)
    definition = clean_definition(definition, dataset)
    rule = parse_rule(definition).pinned(version.as_of.timestamp())
    kept = parse_filter(where, fields=names) if where is not None else None
    return spread(version.open(), rule, kept, limits=stores.limits())


def explain_sample(version: Version, position: int, rules: Mapping[str, Rule]) -> Explanation:
    """The weight that these rules give to one sample, factor by factor; NotFoundError outside the version."""
    as_of = version.as_of.timestamp()
    weighting = Weighting(rules=tuple((name, rule.pinned(as_of)) for name, rule in rules.items()))
    try:
        return explain(version.open(), weighting, position, limits=stores.limits())
    except IndexError:
        raise NotFoundError.at(
            "position",
            "The version has {num_samples:,} samples, counted from 0.",
            num_samples=version.num_samples,
        ) from None


def _latest(dataset: Dataset) -> Version:
    if dataset.latest is None:
        raise ImpossibleError.at(
            "dataset",
            "The dataset {name!r} has no version yet; upload samples first.",
            code="no_version",
            name=dataset.name,
        )
    return dataset.latest


def _values(dataset: Dataset, given: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field, value in given.items():
        if field == "name":
            values[field] = cleaning.clean_name(value)
            if values[field].casefold() in RESERVED:
                raise MalformedError.at(
                    "name",
                    "{name!r} is the name of a factor that every request has; take another.",
                    name=values[field],
                )
        elif field == "description":
            values[field] = cleaning.clean_text(value, field=field)
        elif field == "definition":
            values[field] = clean_definition(value, dataset)
        else:
            raise TypeError(f"a weighting rule has no {field}")
    return values


def spread_document(spread: Spread) -> dict[str, Any]:
    """A spread as the API tells it."""
    return {
        "num_samples": spread.num_samples,
        "num_missing": spread.num_missing,
        "least": spread.least,
        "mean": spread.mean,
        "most": spread.most,
        "bins": [{"from": start, "to": stop, "num_samples": number} for start, stop, number in spread.bins],
        "curve": spread.curve,
    }
