"""From a request to its format: which field or template fills which role, and which metadata goes along."""

from msgspec import UNSET, structs

from exports.requests.body import StreamBody
from exports.requests.fields import refuse_absent
from themis_admin.datasets.models import Dataset
from themisdb_datasets.engine.query.mapping import MappedValue, parse_value
from themisdb_datasets.engine.rendering.formats import PRESETS, Format
from themisdb_datasets.engine.versions.version import VersionField
from themisdb_datasets.errors import MalformedError

MAPPING_DEFAULTS = {
    "instruction_field": "question",
    "input_field": "context",
    "output_field": "answer",
    "text_field": "content",
    "chosen_field": "chosen",
    "rejected_field": "rejected",
}
METADATA_DEFAULTS = ("source", "category", "tags")
CONVERSATIONS = ("chat_completion", "openai", "sharegpt", "chatml")
# The roles of each format: what it cannot do without, and what it leaves out where the data has none.
ROLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "instruction_tuning": (("instruction", "output"), ("input",)),
    "alpaca": (("instruction", "output"), ("input",)),
    "chat_completion": (("user", "assistant"), ("system",)),
    "text_completion": (("text",), ()),
    "preference": (("prompt", "chosen", "rejected"), ()),
    "raw": ((), ()),
}
TURNS = ("user_field", "assistant_field", "system_field")


def build_format(
    body: StreamBody, dataset: Dataset, fields: dict[str, VersionField]
) -> tuple[Format, tuple[str, ...]]:
    """The format, and the fields of optional roles that the version does not have.

    A preset's lines have the keys that its trainers know and no others, unless weights or metadata are asked for.
    """
    mapping, missing = build_mapping(body, dataset, fields)
    usual = body.format not in (*PRESETS, "raw")
    weight = body.weighting.enable_weights
    form = Format(
        name=body.format,
        mapping=mapping,
        metadata=build_metadata(body, fields, usual=usual),
        weight=body.format != "raw" and (usual if weight is None else weight),
    )
    return form, missing


def build_mapping(
    body: StreamBody, dataset: Dataset, fields: dict[str, VersionField]
) -> tuple[dict[str, MappedValue], tuple[str, ...]]:
    """The values of the format's roles, and the fields of optional roles that the version does not have."""
    given = {key: value for key, value in structs.asdict(body.field_mapping).items() if value is not None}
    # The request goes before the dataset, the dataset before the usual names.
    chosen = {**dataset.field_mapping, **given}
    known = {**MAPPING_DEFAULTS, **chosen}
    known.setdefault("user_field", known["instruction_field"])
    known.setdefault("assistant_field", known["output_field"])
    known.setdefault("prompt_field", "prompt" if "prompt" in fields else known["instruction_field"])
    needed, optional = _roles(body.format, given, chosen)
    mapping: dict[str, MappedValue] = {}
    missing: list[str] = []
    for role in (*needed, *optional):
        key = f"{role}_field"
        if key not in known or (role in optional and not known[key]):
            continue
        value = parse_value(known[key], place=f"field_mapping.{key}")
        absent = [name for name in value.fields if name not in fields]
        # A default may miss its field; what the request itself
        # names has to be there, or a typing error would go unseen.
        if absent and role in optional and key not in given:
            missing += absent
            continue
        refuse_absent(f"field_mapping.{key}", absent, fields)
        mapping[role] = value
    if "messages" in mapping and mapping["messages"].template:
        raise MalformedError.at(
            "field_mapping.messages_field",
            "messages_field names a field that holds a list of messages.",
            code="bad_parameter",
        )
    return mapping, tuple(missing)


def _roles(
    name: str, given: dict[str, str], chosen: dict[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if name not in CONVERSATIONS:
        return ROLES[name]
    if chosen.get("messages_field") and ("messages_field" in given or not any(key in given for key in TURNS)):
        return ("messages",), ()
    needed, optional = ROLES["chat_completion"]
    # What asks in a preset is the instruction with its input; what a field for the user says stands alone, unless the
    # request names an input too.
    with_input = name in PRESETS and ("user_field" not in chosen or "input_field" in given)
    return needed, (*optional, "input") if with_input else optional


def build_metadata(body: StreamBody, fields: dict[str, VersionField], *, usual: bool) -> tuple[str, ...]:
    """The fields copied beside the line; those that are usual for a format unless the request says otherwise."""
    included = body.include_metadata
    if included is None:
        included = usual or body.metadata_fields is not UNSET
    if not included or body.format == "raw":
        return ()
    if body.metadata_fields is UNSET:
        return tuple(name for name in METADATA_DEFAULTS if name in fields)
    refuse_absent("metadata_fields", [name for name in body.metadata_fields if name not in fields], fields)
    return tuple(dict.fromkeys(body.metadata_fields))
