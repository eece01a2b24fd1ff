"""The body of an export request: ThemisDB's words, with their types, defaults and limits."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from themisdb_datasets.engine.plans.mix import MAX_PARTS, STOPS
from themisdb_datasets.engine.rendering.formats import FORMATS, PRESETS
from themisdb_datasets.engine.weights.rules import MAX_RULES
from themisdb_datasets.errors import MalformedError, place_and_reason
from themisdb_datasets.names import nearest

ORDERS = ("stored", "shuffled", "weighted")
MAX_POSITION = 10**18 - 1
MAX_SEED = 10**100

Name = Annotated[str, Meta(min_length=1, max_length=500)]
Count = Annotated[int, Meta(ge=0, le=MAX_POSITION)]
Multiplier = Annotated[float, Meta(ge=0, le=1e9)]


class FieldMapping(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Which field or template fills which role."""

    instruction_field: str | None = None
    input_field: str | None = None
    output_field: str | None = None
    text_field: str | None = None
    system_field: str | None = None
    user_field: str | None = None
    assistant_field: str | None = None
    messages_field: str | None = None
    prompt_field: str | None = None
    chosen_field: str | None = None
    rejected_field: str | None = None


class WeightingOptions(msgspec.Struct, forbid_unknown_fields=True):
    """How samples are weighted."""

    enable_weights: bool | None = None  # on, but for raw lines and presets
    weight_field: Name = "importance"
    default_weight: Multiplier = 1.0
    auto_weight_by_length: bool = False
    auto_weight_by_freshness: bool = False
    freshness_half_life_days: Annotated[float, Meta(gt=0, le=1e6)] = 90.0
    timestamp_field: Name | None = None
    rules: Annotated[list[Name], Meta(max_length=MAX_RULES)] = []
    as_of: str | float | None = None


class QualityFilters(msgspec.Struct, forbid_unknown_fields=True):
    """Which samples are good enough."""

    min_output_length: Count | None = None
    max_output_length: Count | None = None
    min_rating: float | None = None
    remove_duplicates: bool = False
    skip_empty_outputs: bool = True


class Structured(msgspec.Struct, forbid_unknown_fields=True):
    """A JSON Schema for what the model shall learn to say."""

    json_schema: dict[str, Any] | bool
    reject_invalid: bool = True


class ThemeShare(msgspec.Struct, forbid_unknown_fields=True):
    """A theme of a mix, and how much of it there shall be beside the others."""

    theme: Name
    proportion: Annotated[float, Meta(gt=0, le=1e9)] = 1.0


# UNSET stands where null means nothing: a client that sends null there is told so, instead of being given the
# default. None stands where null and leaving it out mean the same.
class StreamBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /api/export/jsonl_llm/stream."""

    theme: Name | None = None
    themes: Annotated[list[ThemeShare], Meta(min_length=1, max_length=MAX_PARTS)] | UnsetType = UNSET
    proportion_unit: str = "samples"
    stop: str = "first_exhausted"
    dataset: Name | int | None = None
    version: str | int = "latest"
    split: Name | None = None
    domain: str | None = None
    subject: str | None = None
    from_date: str | None = None
    to_date: str | None = None
    format: str = "instruction_tuning"
    field_mapping: FieldMapping = msgspec.field(default_factory=FieldMapping)
    weighting: WeightingOptions = msgspec.field(default_factory=WeightingOptions)
    quality_filters: QualityFilters = msgspec.field(default_factory=QualityFilters)
    structured: Structured | UnsetType = UNSET
    metadata_fields: list[Name] | UnsetType = UNSET
    include_metadata: bool | None = None  # on, but for raw lines and presets
    order: str | None = None  # stored, or that of the cursor's plan; so are seed and epoch 0, or the plan's
    seed: int | None = None
    epoch: int | None = None
    rank: Count = 0
    world_size: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    drop_last: bool = False
    cursor: str | None = None
    start: Count | UnsetType = UNSET
    limit: Count | None = None
    batch_size: Annotated[int, Meta(ge=1, le=100_000)] = 100
    stream_mode: str | None = None  # pinned, or that of the cursor's plan
    explain: bool = False
    dry_run: bool = False


# What may stand beside a cursor: the rest is in the plan already.
BESIDE_CURSOR = {
    *("cursor", "limit", "batch_size", "stream_mode", "rank", "world_size", "drop_last", "dry_run"),
    *("order", "seed", "epoch"),  # the same lines in another order, such as those of the next epoch
}

_NESTED: dict[str, type[msgspec.Struct]] = {
    "field_mapping": FieldMapping,
    "weighting": WeightingOptions,
    "quality_filters": QualityFilters,
    "structured": Structured,
}


def parse_body(document: Any) -> StreamBody:
    """Check a request's body; MalformedError names the parameter and, for an unknown one, the nearest known."""
    if not isinstance(document, dict):
        raise MalformedError('The body is one JSON object, such as {"theme": "Datenschutz"}.')
    _check_names(document, StreamBody, "")
    for name, struct in _NESTED.items():
        if isinstance(document.get(name), dict):
            _check_names(document[name], struct, f"{name}.")
    try:
        # Strict: "10" is no number and 1 no boolean, for a value that was read in another way than it was
        # meant would show only in the trained model.
        body = msgspec.convert(document, StreamBody, strict=True)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    _check_choices(body)
    _check_together(body, document)
    return body


def _check_choices(body: StreamBody) -> None:
    """What has one of several words, and numbers that a plan's document can hold."""
    _check_choice("format", body.format, (*FORMATS, *PRESETS))
    if body.order is not None:
        _check_choice("order", body.order, ORDERS)
    _check_choice("stop", body.stop, STOPS)
    _check_choice("proportion_unit", body.proportion_unit, ("samples", "tokens"))
    if body.stream_mode is not None:
        _check_choice("stream_mode", body.stream_mode, ("pinned", "continuous"))
    for name, number in (("seed", body.seed), ("epoch", body.epoch)):
        if number is not None and abs(number) >= MAX_SEED:
            raise MalformedError.at(
                name, "{name} has a hundred digits at most.", code="bad_parameter", name=name
            )


def _check_together(body: StreamBody, document: Mapping[str, Any]) -> None:
    """What does not go together, though each by itself may be asked for."""
    if body.stream_mode == "continuous":
        _check_endless(body)
    if body.cursor is not None and (extra := sorted(set(document) - BESIDE_CURSOR)):
        message = (
            f"A cursor says all of {', '.join(extra)} already; leave it out or start without the cursor."
        )
        raise MalformedError(message, code="cursor_and_more", fields=dict.fromkeys(extra, message))
    if body.themes is UNSET:
        for name in ("stop", "proportion_unit"):
            if name in document:
                raise MalformedError.at(
                    name, "{name} is for a mix; name its themes in themes.", code="bad_parameter", name=name
                )
    elif body.theme is not None:
        raise MalformedError.at(
            "theme", "Name either one theme or, in themes, several.", code="bad_parameter"
        )
    if body.rank >= body.world_size:
        raise MalformedError.at(
            "rank",
            "rank {rank} does not exist among world_size {world_size}: it is below it.",
            code="bad_parameter",
            rank=body.rank,
            world_size=body.world_size,
        )


def _check_endless(body: StreamBody) -> None:
    for name, used in (
        ("order", body.order not in (None, "stored")),
        ("themes", body.themes is not UNSET),
    ):
        if used:
            raise MalformedError.at(
                name,
                "A continuous stream has no end, so it is in stored order; leave {name} out.",
                code="bad_parameter",
                name=name,
            )


def _check_names(document: Mapping[str, Any], struct: type[msgspec.Struct], prefix: str) -> None:
    known = struct.__struct_fields__
    for name in document:
        if name not in known:
            raise MalformedError.at(
                prefix + name,
                "There is no parameter {name!r}{hint}.",
                code="unknown_parameter",
                name=prefix + name,
                hint=nearest(name, known),
            )


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise MalformedError.at(
            name,
            "{value!r} is no {name}{hint}; there are {known}.",
            code="bad_parameter",
            value=value,
            name=name,
            hint=nearest(value, choices),
            known=", ".join(choices),
        )


def _invalid(error: msgspec.ValidationError) -> MalformedError:
    place, reason = place_and_reason(error)
    name = place or "body"
    return MalformedError.at(name, "{name}: {reason}.", code="bad_parameter", name=name, reason=reason)


def parse_instant(text: str | float, name: str) -> tuple[float, bool]:
    """Seconds since 1970 UTC of a date or datetime, and whether it is a bare date; naive times are UTC."""
    if isinstance(text, int | float):
        return float(text), False
    try:
        # By its length, because `datetime.fromisoformat` takes
        # a bare date too, and would make midnight of it.
        if len(text) == len("2020-01-01"):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp(), True
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise MalformedError.at(
            name,
            "{text!r} is no date; write YYYY-MM-DD or a datetime such as 2020-01-31T12:00:00+01:00.",
            code="bad_parameter",
            text=text,
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), False


def day_after(instant: float) -> float:
    """The start of the following day, in seconds since 1970 UTC."""
    return instant + timedelta(days=1).total_seconds()
