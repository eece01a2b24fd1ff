"""From a request to its weighting: the factors, with their defaults written out."""

from collections.abc import Iterator
from dataclasses import replace

from exports.requests.body import StreamBody, parse_instant
from exports.requests.fields import refuse_absent
from themis_admin.datasets.models import Dataset, Version
from themisdb_datasets.engine.query.expressions import MAX_MADE
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.versions.version import VersionField
from themisdb_datasets.engine.weights.rules import WeightingRule as Rule
from themisdb_datasets.engine.weights.rules import parse_rule
from themisdb_datasets.engine.weights.weighting import Explicit, Freshness, Length, Weighting
from themisdb_datasets.errors import ImpossibleError, MalformedError
from themisdb_datasets.names import nearest


def build_weighting(
    body: StreamBody, version: Version, form: Format, fields: dict[str, VersionField]
) -> Weighting:
    """The weighting of the lines, or of the draws in weighted order; none where neither shows it."""
    options = body.weighting
    # A weighting that nothing shows would make another plan, and another selection, of the same lines.
    if options.enable_weights is False or not (form.weight or body.explain or body.order == "weighted"):
        return Weighting()
    # Ages are counted from the version's own time, not from now: the same request has to give the same plan
    # tomorrow, or no cursor could be resumed.
    freshness, as_of = None, version.as_of.timestamp()
    if options.as_of is not None:
        as_of = parse_instant(options.as_of, "weighting.as_of")[0]
    if options.auto_weight_by_freshness:
        name = options.timestamp_field or version.dataset.timestamp_field
        if not name:
            raise ImpossibleError.at(
                "weighting.timestamp_field",
                "Freshness needs a timestamp: set the dataset's timestamp_field or weighting.timestamp_field.",
                code="no_timestamp_field",
            )
        refuse_absent("weighting.timestamp_field", [name] if name not in fields else [], fields)
        freshness = Freshness(name, options.freshness_half_life_days, as_of)
    return Weighting(
        explicit=Explicit(options.weight_field, options.default_weight),
        length=Length(form.output) if options.auto_weight_by_length and form.output else None,
        freshness=freshness,
        rules=tuple((name, rule.pinned(as_of)) for name, rule in _rules(options.rules, version.dataset)),
    )


def explained(form: Format, weighting: Weighting) -> Format:
    """The format with the weighting's factors; MalformedError where its lines cannot tell them."""
    if form.name == "raw":
        raise MalformedError.at(
            "explain",
            "Raw lines are the samples as they are; choose another format to explain weights.",
            code="bad_parameter",
        )
    if not weighting.factors:
        raise MalformedError.at(
            "explain", "There are no weights to explain; leave enable_weights on.", code="bad_parameter"
        )
    return replace(form, weight=True, explain=tuple(weighting.factors))


def _rules(names: list[str], dataset: Dataset) -> Iterator[tuple[str, Rule]]:
    """The dataset's rules of these names, as they are now."""
    known = {rule.name.casefold(): rule for rule in dataset.weighting_rules.all()} if names else {}
    seen: set[str] = set()
    num_made = 0
    for number, name in enumerate(names):
        place = f"weighting.rules[{number}]"
        rule = known.get(name.casefold())
        if rule is None:
            there = [each.name for each in known.values()]
            listed = f"there are {', '.join(there[:20])}" if there else "there is none yet"
            raise MalformedError.at(
                place,
                "The dataset has no weighting rule {name!r}{hint}; {listed}.",
                code="unknown_rule",
                name=name,
                hint=nearest(name, there),
                listed=listed,
            )
        if rule.name in seen:
            raise MalformedError.at(
                place, "The rule {name!r} is there twice.", code="bad_parameter", name=rule.name
            )
        seen.add(rule.name)
        found = parse_rule(rule.definition)
        num_made += found.num_made
        if num_made > MAX_MADE:
            raise MalformedError.at(
                place,
                "The expressions of all rules together may make {most} texts of fields at most.",
                code="bad_parameter",
                most=MAX_MADE,
            )
        yield rule.name, found
