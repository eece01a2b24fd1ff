"""From a request to its format: which field or template fills which role, and which metadata goes along."""

from msgspec import UNSET, structs

from exports.body import StreamBody, bad
from exports.fields import refuse_absent
from themis_admin.datasets.models import Dataset
from themisdb_datasets.mapping import MappedValue, parse_value
from themisdb_datasets.version import VersionField

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


def build_mapping(
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
        refuse_absent(f"field_mapping.{key}", absent, fields)
        mapping[role] = value
    if "messages" in mapping and mapping["messages"].template:
        raise bad(
            "field_mapping.messages_field", "messages_field names a field that holds a list of messages."
        )
    return mapping, tuple(missing)


def build_metadata(body: StreamBody, fields: dict[str, VersionField]) -> tuple[str, ...]:
    if not body.include_metadata or body.format == "raw":
        return ()
    if body.metadata_fields is UNSET:
        return tuple(name for name in METADATA_DEFAULTS if name in fields)
    refuse_absent("metadata_fields", [name for name in body.metadata_fields if name not in fields], fields)
    return tuple(dict.fromkeys(body.metadata_fields))
