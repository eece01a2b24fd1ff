"""From a request to a plan: names are resolved, defaults written out, and what cannot work is refused with the remedy."""

from collections.abc import Iterable
from dataclasses import dataclass

from exports.body import StreamBody, bad, day_after, parse_instant, refuse_unsupported
from exports.fields import refuse_absent
from exports.mapping import build_mapping, build_metadata
from exports.weighting import build_weighting
from themis_admin.datasets.models import Dataset, Theme, Version, Viewer
from themisdb_datasets.criteria import Condition as Kept
from themisdb_datasets.criteria import Criteria, Output, Period
from themisdb_datasets.errors import ImpossibleError, MalformedError, NotFoundError
from themisdb_datasets.filters import Condition, nearest, parse_filter
from themisdb_datasets.order import Ordering
from themisdb_datasets.plan import Plan
from themisdb_datasets.render import Format
from themisdb_datasets.version import VersionField


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
    mapping, missing = build_mapping(body, dataset, fields)
    form = Format(
        name=body.format,
        mapping=mapping,
        metadata=build_metadata(body, fields),
        weight=body.weighting.enable_weights and body.format != "raw",
    )
    criteria = Criteria(
        tuple(_conditions(body, dataset, theme, form, fields)), build_weighting(body, version, form, fields)
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


def _conditions(
    body: StreamBody, dataset: Dataset, theme: Theme | None, form: Format, fields: dict[str, VersionField]
) -> list[Kept]:
    kept: list[Kept] = [parse_filter(theme.where)] if theme is not None else []
    for name, value in (("domain", body.domain), ("subject", body.subject)):
        if value is not None:
            refuse_absent(name, [name] if name not in fields else [], fields)
            kept.append(Condition(name, "eq", value))
    if (period := _period(body, dataset, fields)) is not None:
        kept.append(period)
    quality = body.quality_filters
    if quality.min_rating is not None:
        refuse_absent("quality_filters.min_rating", ["rating"] if "rating" not in fields else [], fields)
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
    refuse_absent("timestamp_field", [name] if name not in fields else [], fields)
    start = parse_instant(body.from_date, "from_date")[0] if body.from_date is not None else None
    if body.to_date is None:
        return Period(name, start)
    stop, whole_day = parse_instant(body.to_date, "to_date")
    if start is not None and stop < start:
        raise bad("to_date", f"to_date {body.to_date} lies before from_date {body.from_date}.")
    return Period(name, start, day_after(stop) if whole_day else stop, stop_included=not whole_day)
