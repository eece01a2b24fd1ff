"""From a request to a plan: names are resolved, defaults written out, and what cannot work is refused with the remedy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from msgspec import UNSET

from exports.requests.body import StreamBody, day_after, parse_instant
from exports.requests.fields import refuse_absent
from exports.requests.mapping import build_format
from exports.requests.subject import find_subject
from exports.requests.weighting import build_weighting, explained
from themis_admin.datasets.labels.services import find_version
from themis_admin.datasets.models import Dataset, Theme, Version
from themis_admin.jobs.models import Viewer
from themisdb_datasets.engine.plans.mix import Mix, MixPart, empty_part, shares
from themisdb_datasets.engine.plans.plan import Plan
from themisdb_datasets.engine.query.filters import Condition, parse_filter
from themisdb_datasets.engine.query.mapping import MappedValue
from themisdb_datasets.engine.query.splits import Split, parse_splitting
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.selections.checks import Check, Conversation, parse_schema
from themisdb_datasets.engine.selections.criteria import Criteria, Criterion, Output, Period
from themisdb_datasets.engine.versions.version import OpenVersion, VersionField
from themisdb_datasets.errors import ImpossibleError, MalformedError
from themisdb_datasets.order import Ordering

MeanBytes = Callable[[Plan, OpenVersion], float]


@dataclass(frozen=True)
class ResolvedRequest:
    """A request with its names resolved: what to deliver, from where, and under which title it is listed."""

    plan: Plan
    version: Version
    opened: OpenVersion
    title: str
    missing_fields: tuple[str, ...]


def build_request(body: StreamBody, user: Viewer, *, mean_bytes: MeanBytes) -> ResolvedRequest:
    """Resolve a request without a cursor; MalformedError, NotFoundError or ImpossibleError say what is wrong.

    `mean_bytes` tells how long a plan's lines are, for a mix whose proportions are of tokens.
    """
    dataset, themes = find_subject(body, user)
    version = find_version(dataset, body.version)
    opened = version.open()
    fields = {field.name: field for field in opened.fields}
    form, missing = build_format(body, dataset, fields)
    weighting = build_weighting(body, version, form, fields)
    if body.explain:
        form = explained(form, weighting)
    criteria = Criteria(
        tuple(_conditions(body, dataset, form, fields)),
        weighting,
        unique=_unique(body, form),
        checks=tuple(_checks(body, form)),
        explain=body.explain,
    )
    ordering = build_ordering(body, Ordering())
    # The number is in the plan, so a continuous stream has another digest, and its cursors another meaning,
    # than a pinned one of the same version.
    after = version.number if body.stream_mode == "continuous" else None
    plan = Plan(version.digest, criteria, form, ordering, continuous=after)
    if body.themes is not UNSET:
        plan = replace(plan, mix=_mix(body, themes, plan, opened, mean_bytes))
    elif themes:
        theme = parse_filter(themes[0].where)
        plan = replace(plan, criteria=replace(criteria, conditions=(theme, *criteria.conditions)))
    title = f"{dataset.name} {version.number}" + (" · " if themes else "")
    return ResolvedRequest(plan, version, opened, title + " + ".join(theme.name for theme in themes), missing)


def build_ordering(body: StreamBody, before: Ordering) -> Ordering:
    """The order that is asked for; what is left out is as it was before."""
    kind = before.kind if body.order is None else body.order
    if kind == "stored":
        return Ordering()
    seed = before.seed if body.seed is None else body.seed
    return Ordering(kind, seed, before.epoch if body.epoch is None else body.epoch)


def _mix(
    body: StreamBody, themes: list[Theme], plan: Plan, version: OpenVersion, mean_bytes: MeanBytes
) -> Mix:
    assert body.themes is not UNSET
    filters = [parse_filter(theme.where) for theme in themes]
    sizes = None
    if body.proportion_unit == "tokens":
        # How long lines are does not depend on their order, and the stored one needs no table of draws.
        alone = replace(plan, ordering=Ordering())
        conditions = alone.criteria.conditions
        sizes = [
            mean_bytes(
                replace(alone, criteria=replace(alone.criteria, conditions=(each, *conditions))), version
            )
            for each in filters
        ]
        for theme, size in zip(themes, sizes, strict=True):
            if not size:
                raise empty_part(theme.name)
    places = shares([share.proportion for share in body.themes], sizes)
    parts = zip(themes, filters, places, strict=True)
    return Mix(tuple(MixPart(theme.name, each, place) for theme, each, place in parts), body.stop)


def _checks(body: StreamBody, form: Format) -> Iterator[Check]:
    if "messages" in form.mapping:
        yield Conversation(form.mapping["messages"])
    if body.structured is UNSET:
        return
    if form.output is None:
        raise MalformedError.at(
            "structured", "Raw lines have no output to check; choose another format.", code="bad_parameter"
        )
    yield parse_schema(
        body.structured.json_schema,
        of=form.output,
        rejects=body.structured.reject_invalid,
        place="structured.json_schema",
    )


def _unique(body: StreamBody, form: Format) -> tuple[MappedValue, ...] | None:
    """What has to differ between samples: all that the format maps, or for raw lines the samples themselves."""
    return tuple(form.mapping.values()) if body.quality_filters.remove_duplicates else None


def _conditions(
    body: StreamBody, dataset: Dataset, form: Format, fields: dict[str, VersionField]
) -> list[Criterion]:
    conditions: list[Criterion] = []
    if body.split is not None:
        conditions.append(_split(body.split, dataset))
    for name, value in (("domain", body.domain), ("subject", body.subject)):
        if value is not None:
            refuse_absent(name, [name] if name not in fields else [], fields)
            conditions.append(Condition(name, "eq", value))
    if (period := _period(body, dataset, fields)) is not None:
        conditions.append(period)
    quality = body.quality_filters
    if quality.min_rating is not None:
        refuse_absent("quality_filters.min_rating", ["rating"] if "rating" not in fields else [], fields)
        conditions.append(Condition("rating", "ge", quality.min_rating))
    if form.output is not None:
        output = Output(
            form.output, quality.skip_empty_outputs, quality.min_output_length, quality.max_output_length
        )
        conditions.append(output)
    if "rejected" in form.mapping and quality.skip_empty_outputs:
        conditions.append(Output(form.mapping["rejected"]))
    return conditions


def _split(name: str, dataset: Dataset) -> Split:
    if dataset.split is None:
        raise ImpossibleError.at(
            "split",
            "The dataset {name!r} has no split; set its split first, such as train 0.9 and test 0.1.",
            code="no_split",
            name=dataset.name,
        )
    return parse_splitting(dataset.split).part(name, key_field=dataset.key_field)


def _period(body: StreamBody, dataset: Dataset, fields: dict[str, VersionField]) -> Period | None:
    if body.from_date is None and body.to_date is None:
        return None
    name = dataset.timestamp_field
    if not name:
        raise ImpossibleError.at(
            "from_date",
            "The dataset {name!r} has no timestamp field, so it has no dates; set its timestamp_field.",
            code="no_timestamp_field",
            name=dataset.name,
        )
    refuse_absent("timestamp_field", [name] if name not in fields else [], fields)
    start = parse_instant(body.from_date, "from_date")[0] if body.from_date is not None else None
    if body.to_date is None:
        return Period(name, start)
    stop, whole_day = parse_instant(body.to_date, "to_date")
    if start is not None and stop < start:
        raise MalformedError.at(
            "to_date",
            "to_date {to_date} lies before from_date {from_date}.",
            code="bad_parameter",
            to_date=body.to_date,
            from_date=body.from_date,
        )
    # "To 31 January" means all of that day, and an instant means itself.
    return Period(name, start, day_after(stop) if whole_day else stop, stop_included=not whole_day)
