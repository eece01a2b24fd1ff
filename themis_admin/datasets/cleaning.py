"""What people type into datasets and themes, checked in one place for the REST API and the console."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from themis_admin.datasets.models import Dataset, Version
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.query.splits import Splitting, parse_splitting
from themisdb_datasets.engine.sources.source import codec_of
from themisdb_datasets.errors import MalformedError
from themisdb_datasets.names import nearest

MAPPING_KEYS = (
    "instruction_field",
    "input_field",
    "output_field",
    "text_field",
    "system_field",
    "user_field",
    "assistant_field",
    "messages_field",
    "prompt_field",
    "chosen_field",
    "rejected_field",
)
MAX_NAME = 200
MAX_TEXT = 20_000
MAX_NOTE = 2_000
MAX_FIELD = 500
MAX_MAPPED = 10_000
# A shard has columns for this many fields; a filter on a version with as many may name others.
COLUMN_FIELDS = 256


def clean_name(value: Any, *, field: str = "name") -> str:
    """A name on one line, without space around it. MalformedError says what is wrong with it."""
    name = clean_text(value, field=field, max_length=MAX_NAME).strip()
    if not name:
        raise MalformedError.at(field, "Give it a name.")
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in name):
        raise MalformedError.at(field, "A name is one line without control characters.")
    # An umlaut may be one character or two, by the keyboard
    # it came from; names that look alike have to be equal.
    return unicodedata.normalize("NFC", name)


def clean_text(value: Any, *, field: str, max_length: int = MAX_TEXT) -> str:
    """A text that any database stores: no NUL, no half of a surrogate pair, not too long."""
    if not isinstance(value, str):
        raise MalformedError.at(field, "This is a text.")
    if len(value) > max_length:
        raise MalformedError.at(
            field,
            "At most {max_length:,} characters, these are {count:,}.",
            max_length=max_length,
            count=len(value),
        )
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise MalformedError.at(field, "The text holds a character that cannot be stored.")
    return value


def clean_filename(value: Any) -> str:
    """The last part of a file's name, of a kind that can be ingested (ImpossibleError otherwise)."""
    text = clean_text(value, field="filename", max_length=MAX_TEXT)
    # Browsers may send a whole path, of Windows too. The end
    # is kept, because the suffix says what is in the file.
    name = clean_name(text.replace("\\", "/").rsplit("/", 1)[-1][-MAX_NAME:], field="filename")
    codec_of(name)
    return name


def clean_mapping(value: Any) -> dict[str, str]:
    """A field mapping: known keys, each a field's name or a template."""
    if not isinstance(value, Mapping):
        raise MalformedError.at(
            "field_mapping", 'A field mapping is an object such as {"instruction_field": "question"}.'
        )
    mapping = {}
    for key, source in value.items():
        place = f"field_mapping.{key}"
        if key not in MAPPING_KEYS:
            raise MalformedError.at(
                place, "A field mapping has no {key!r}{hint}.", key=key, hint=nearest(str(key), MAPPING_KEYS)
            )
        mapping[key] = clean_text(source, field=place, max_length=MAX_MAPPED)
        parse_value(mapping[key], place=place)
    return mapping


def clean_split(value: Any) -> dict[str, Any] | None:
    """A split, or None for a dataset that has none."""
    if value is None:
        return None
    splitting = parse_splitting(value)
    parts = tuple((clean_name(name, field="split.parts"), part) for name, part in splitting.parts)
    seed = clean_text(splitting.seed, field="split.seed")
    return Splitting(clean_text(splitting.by, field="split.by"), seed, parts).to_document()


def clean_where(value: Any, dataset: Dataset) -> dict[str, Any]:
    """A filter over the dataset's latest version, written canonically."""
    return parse_filter(value, fields=known_fields(dataset.latest)).to_document()


def known_fields(version: Version | None) -> list[str] | None:
    """The names that a filter over the version may use; None where any may occur."""
    if version is None or len(version.fields) >= COLUMN_FIELDS:
        return None
    return [field["name"] for field in version.fields]
