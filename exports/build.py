"""From a request to a plan: names are resolved, defaults written out, and what cannot work is refused with the remedy."""

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec import UNSET, structs

from exports.body import StreamBody, bad, day_after, parse_instant, refuse_unsupported
from themis_admin.datasets.models import Dataset, Theme, Version, Viewer
from themisdb_datasets.errors import ImpossibleError, MalformedError, NotFoundError
from themisdb_datasets.filters import Condition, nearest, parse_filter
from themisdb_datasets.mapping import MappedValue, parse_value
from themisdb_datasets.order import Ordering
from themisdb_datasets.plan import Plan
from themisdb_datasets.render import Format
from themisdb_datasets.selection import Condition as Kept
from themisdb_datasets.selection import Criteria, Output, Period
from themisdb_datasets.version import VersionField
from themisdb_datasets.weights import Explicit, Freshness, Length, Weighting

MAPPING_DEFAULTS = {
    "instruction_field": "question",
    "input_field": "context",
    "output_field": "answer",
    "text_field": "content",
}
METADATA_DEFAULTS = ("source", "category", "tags")
# The roles of each format: what it cannot do without, and what it leaves out where the data has none.
ROLES = {
    "instruction_tuning": (("instruction", "output"), ("input",)),
    "chat_completion": (("user", "assistant"), ("system",)),
    "text_completion": (("text",), ()),
    "raw": ((), ()),
}


@dataclass(frozen=True)
class Request:
    """A request with its names resolved: what to deliver, from where, and under which title it is listed."""

    plan: Plan
    version: Version
    title: str
    missing_fields: tuple[str, ...]


def build_request(body: StreamBody, user: Viewer) -> Request:
    """Resolve a request without a cursor; MalformedError, NotFoundError or ImpossibleError say what is wrong."""
    refuse_unsupported(body)
    dataset, theme = _subject(body, user)
    version = _version(body, dataset)
    fields = {field.name: field for field in version.open().fields}
    mapping, missing = _mapping(body, dataset, fields)
    form = Format(
        name=body.format,
        mapping=mapping,
        metadata=_metadata(body, fields),
        weight=body.weighting.enable_weights and body.format != "raw",
    )
    criteria = Criteria(
        tuple(_conditions(body, dataset, theme, form, fields)), _weighting(body, version, form, fields)
    )
    title = f"{dataset.name} {version.number}" + (f" · {theme.name}" if theme else "")
    ordering = Ordering() if body.order == "stored" else Ordering(body.order, body.seed, body.epoch)
    return Request(Plan(version.digest, criteria, form, ordering), version, title, missing)


def _subject(body: StreamBody, user: Viewer) -> tuple[Dataset, Theme | None]:
    datasets = Dataset.objects.visible_to(user)
    dataset = _dataset(body.dataset, datasets.all()) if body.dataset is not None else None
    if body.theme is None:
        if dataset is None:
            raise bad("theme", "Name a theme, or a dataset to stream all of it.")
        return dataset, None
    themes = Theme.objects.visible_to(user).select_related("dataset")
    if dataset is not None:
        themes = themes.filter(dataset=dataset)
    found = [theme for theme in themes if theme.name.casefold() == body.theme.casefold()]
    if not found:
        names = sorted({theme.name for theme in themes})
        known = f"known are {', '.join(names[:20])}" if names else "there is none yet"
        message = f"There is no theme {body.theme!r}{nearest(body.theme, names)}; {known}."
        raise MalformedError(message, code="unknown_theme", fields={"theme": message})
    if len(found) > 1:
        names = sorted(theme.dataset.name for theme in found)
        raise bad("dataset", f"Several datasets have a theme {body.theme!r}; name one of {', '.join(names)}.")
    return found[0].dataset, found[0]


def _dataset(name: str | int, datasets: Iterable[Dataset]) -> Dataset:
    known = list(datasets)
    for dataset in known:
        if dataset.name.casefold() == str(name).casefold():
            return dataset
    for dataset in known:
        if str(dataset.pk) == str(name):
            return dataset
    names = sorted(dataset.name for dataset in known)
    message = f"There is no dataset {name!r}{nearest(str(name), names)}."
    raise NotFoundError(message, code="unknown_dataset", fields={"dataset": message})


def _version(body: StreamBody, dataset: Dataset) -> Version:
    if body.version == "latest":
        if dataset.latest is None:
            message = f"The dataset {dataset.name!r} has no version yet; upload samples first."
            raise ImpossibleError(message, code="no_version", fields={"version": message})
        return dataset.latest
    text = str(body.version)
    versions = dataset.versions.all()
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
    found = versions.filter(digest=text).first() if number is None else versions.filter(number=number).first()
    if found is None:
        newest = f"; the newest is {dataset.latest.number}" if dataset.latest else ""
        message = f"The dataset {dataset.name!r} has no version {text!r}{newest}."
        raise NotFoundError(message, code="unknown_version", fields={"version": message})
    return found


def _mapping(
    body: StreamBody, dataset: Dataset, fields: dict[str, VersionField]
) -> tuple[dict[str, MappedValue], tuple[str, ...]]:
    """The values of the format's roles, and the fields of optional roles that the version does not have."""
    given = {key: value for key, value in structs.asdict(body.field_mapping).items() if value is not None}
    chosen = {**dataset.field_mapping, **given}
    known = {**MAPPING_DEFAULTS, **chosen}
    known.setdefault("user_field", known["instruction_field"])
    known.setdefault("assistant_field", known["output_field"])
    needed, optional = ROLES[body.format]
    if body.format == "chat_completion" and "messages_field" in known:
        needed, optional = ("messages",), ()
    mapping: dict[str, MappedValue] = {}
    missing: list[str] = []
    for role in (*needed, *optional):
        key = f"{role}_field"
        if key not in known or (role in optional and not known[key]):
            continue
        value = parse_value(known[key], place=f"field_mapping.{key}")
        absent = [name for name in value.fields if name not in fields]
        if absent and role in optional and key not in given:
            missing += absent
            continue
        _refuse_absent(f"field_mapping.{key}", absent, fields)
        mapping[role] = value
    if "messages" in mapping and mapping["messages"].template:
        raise bad(
            "field_mapping.messages_field", "messages_field names a field that holds a list of messages."
        )
    return mapping, tuple(missing)


def _refuse_absent(place: str, absent: list[str], fields: dict[str, VersionField]) -> None:
    if not absent:
        return
    message = (
        f"The version has no field {absent[0]!r}{nearest(absent[0], fields)}; set {place}."
        f" There are {', '.join(list(fields)[:30])}."
    )
    raise ImpossibleError(message, code="unknown_field", fields={place: message})


def _metadata(body: StreamBody, fields: dict[str, VersionField]) -> tuple[str, ...]:
    if not body.include_metadata or body.format == "raw":
        return ()
    if body.metadata_fields is UNSET:
        return tuple(name for name in METADATA_DEFAULTS if name in fields)
    _refuse_absent("metadata_fields", [name for name in body.metadata_fields if name not in fields], fields)
    return tuple(dict.fromkeys(body.metadata_fields))


def _conditions(
    body: StreamBody, dataset: Dataset, theme: Theme | None, form: Format, fields: dict[str, VersionField]
) -> list[Kept]:
    kept: list[Kept] = [parse_filter(theme.where)] if theme is not None else []
    for name, value in (("domain", body.domain), ("subject", body.subject)):
        if value is not None:
            _refuse_absent(name, [name] if name not in fields else [], fields)
            kept.append(Condition(name, "eq", value))
    if (period := _period(body, dataset, fields)) is not None:
        kept.append(period)
    quality = body.quality_filters
    if quality.min_rating is not None:
        _refuse_absent("quality_filters.min_rating", ["rating"] if "rating" not in fields else [], fields)
        kept.append(Condition("rating", "ge", quality.min_rating))
    if form.output is not None:
        output = Output(
            form.output, quality.skip_empty_outputs, quality.min_output_length, quality.max_output_length
        )
        kept.append(output)
    return kept


def _period(body: StreamBody, dataset: Dataset, fields: dict[str, VersionField]) -> Period | None:
    if body.from_date is None and body.to_date is None:
        return None
    name = dataset.timestamp_field
    if not name:
        message = f"The dataset {dataset.name!r} has no timestamp field, so it has no dates; set its timestamp_field."
        raise ImpossibleError(message, code="no_timestamp_field", fields={"from_date": message})
    _refuse_absent("timestamp_field", [name] if name not in fields else [], fields)
    start = parse_instant(body.from_date, "from_date")[0] if body.from_date is not None else None
    if body.to_date is None:
        return Period(name, start)
    stop, whole_day = parse_instant(body.to_date, "to_date")
    if start is not None and stop < start:
        raise bad("to_date", f"to_date {body.to_date} lies before from_date {body.from_date}.")
    return Period(name, start, day_after(stop) if whole_day else stop, stop_included=not whole_day)


def _weighting(
    body: StreamBody, version: Version, form: Format, fields: dict[str, VersionField]
) -> Weighting:
    options = body.weighting
    if not form.weight:
        return Weighting()
    freshness = None
    if options.auto_weight_by_freshness:
        name = options.timestamp_field or version.dataset.timestamp_field
        if not name:
            message = (
                "Freshness needs a timestamp: set the dataset's timestamp_field or weighting.timestamp_field."
            )
            raise ImpossibleError(
                message, code="no_timestamp_field", fields={"weighting.timestamp_field": message}
            )
        _refuse_absent("weighting.timestamp_field", [name] if name not in fields else [], fields)
        as_of = version.created_at.timestamp()
        if options.as_of is not None:
            as_of = parse_instant(options.as_of, "weighting.as_of")[0]
        freshness = Freshness(name, options.freshness_half_life_days, as_of)
    return Weighting(
        explicit=Explicit(options.weight_field, options.default_weight),
        length=Length(form.output) if options.auto_weight_by_length and form.output else None,
        freshness=freshness,
    )
