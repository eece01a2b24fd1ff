"""What the lines of a format hold: their fields in order, and of which kind the values of each one are."""

from collections.abc import Iterable
from typing import Any

from themisdb_datasets.engine.query.mapping import MappedValue
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.versions.version import OpenVersion

TEXT, DOUBLE, JSON, OBJECT, LIST = "text", "double", "json", "object", "list"
Document = dict[str, Any]


def line_fields(form: Format, version: OpenVersion) -> list[Document] | None:
    """Each field as {"name", "kind"}: text, int64, double or bool where all its values are that, else json, any value.

    An `object`, and a `list` of objects, have `fields` of their own. Any of them may be absent or null in a line. None
    for raw lines whose fields nobody has counted.
    """
    kinds = _Kinds(version)
    if form.name == "raw":
        if kinds.has_rest:
            return None
        return [_field(name, kinds.of(name)) for name in kinds.top_level]
    fields = _body(form, kinds)
    if form.weight or form.explain:
        fields.append(_field("weight", DOUBLE))
    if form.explain:
        fields.append(_object("weight_factors", (_field(name, DOUBLE) for name in form.explain)))
    if form.metadata:
        fields.append(_object("metadata", (_field(name, kinds.of(name)) for name in form.metadata)))
    return fields


def _body(form: Format, kinds: "_Kinds") -> list[Document]:
    mapping = form.mapping
    if form.name == "chatml":
        return [_field("text", TEXT)]
    if form.name in ("chat_completion", "openai"):
        return [_turns("messages", ("role", "content"), mapping, kinds)]
    if form.name == "sharegpt":
        return [_turns("conversations", ("from", "value"), mapping, kinds)]
    names = {
        "instruction_tuning": ("instruction", "input", "output"),
        "alpaca": ("instruction", "input", "output"),
        "text_completion": ("text",),
        "preference": ("prompt", "chosen", "rejected"),
    }[form.name]
    fields = [_field(name, kinds.mapped(mapping[name])) for name in names if name in mapping]
    if form.name == "alpaca" and "input" not in mapping:
        fields.insert(1, _field("input", TEXT))
    return fields


def _turns(name: str, members: tuple[str, str], mapping: dict[str, MappedValue], kinds: "_Kinds") -> Document:
    """A conversation: what a corpus has as such is passed on with all its members."""
    if "messages" in mapping:
        return _field(name, JSON)
    said = {kinds.mapped(value) for role, value in mapping.items() if role in ("system", "assistant")}
    said |= {TEXT if "input" in mapping else kinds.mapped(mapping["user"])}
    content = TEXT if said == {TEXT} else JSON
    return {**_field(name, LIST), "fields": [_field(members[0], TEXT), _field(members[1], content)]}


def _field(name: str, kind: str) -> Document:
    return {"name": name, "kind": kind}


def _object(name: str, fields: Iterable[Document]) -> Document:
    return {**_field(name, OBJECT), "fields": list(fields)}


class _Kinds:
    """The kinds of a version's fields, of all its shards together."""

    def __init__(self, version: OpenVersion) -> None:
        self._version = version
        self.has_rest = any(part.rest_column for part in version.parts)
        self._fields = {field.name: field for field in version.fields}
        own = (field for part in version.parts for field in part.fields if len(field.path) == 1)
        self.top_level = [name for name in dict.fromkeys(field.name for field in own) if name in self._fields]

    def of(self, name: str) -> str:
        """The kind of a field's values as they are spelled."""
        # A shard with a rest may have the field in there, of any type and uncounted.
        if name not in self._fields or self.has_rest:
            return JSON
        kinds = set()
        for part in self._version.parts:
            known = part.field(name)
            types = set(known.types) - {"null"} if known is not None else set()
            if known is not None and types:
                kinds.add(JSON if known.kind == TEXT and types != {"string"} else known.kind)
        if kinds == {"int64", DOUBLE}:
            return DOUBLE
        return kinds.pop() if len(kinds) == 1 else JSON

    def mapped(self, value: MappedValue) -> str:
        """The kind of a mapped value, which is an empty text where its field is absent or null."""
        if value.template:
            return TEXT
        name = value.parts[0].text
        kind, field = self.of(name), self._fields.get(name)
        if field is None:
            return JSON if self.has_rest else TEXT
        return JSON if (field.nulls or field.absent) and kind != TEXT else kind
