"""Lines as objects whose values have the kinds that a plan declares (`line_fields`), as typed tables need them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple

from themisdb_datasets.errors import CorruptError

DeclaredField = Mapping[str, Any]
LineDocument = dict[str, Any]
_TYPES: dict[str, Any] = {
    "text": str | None,
    "int64": int | None,
    "double": float | None,
    "bool": bool | None,
}


class TypedLines:
    """Reads lines; `fields` are those of a plan, or None where it declares none, and then values are as they come.

    Every object has all fields, None where a line lacks one. A value of the kind json is its JSON text, so that it
    stays apart from a text that looks the same.
    """

    def __init__(self, fields: Sequence[DeclaredField] | None) -> None:
        self.fields = fields
        self._shape = None if fields is None else _Shape(fields)
        kind: Any = dict[str, Any] if self._shape is None else self._shape.type
        self._decode = msgspec.json.Decoder(kind).decode_lines

    def read(self, lines: bytes) -> Iterator[LineDocument]:
        """The objects of whole lines. CorruptError: one is not what the plan says."""
        try:
            found = self._decode(lines)
        except msgspec.DecodeError as error:
            raise CorruptError(f"A line is not of the kinds that its plan declares: {error}.") from error
        return iter(found) if self._shape is None else map(self._shape.plain, found)

    def __reduce__(self) -> tuple[object, ...]:
        return TypedLines, (self.fields,)


class _Shape:
    """An object with some fields: the type that it is decoded as, whose members are numbered, and the way to a dict."""

    def __init__(self, fields: Sequence[DeclaredField]) -> None:
        self._names = [each["name"] for each in fields]
        self._plain: list[tuple[int, Callable[[Any], Any]]] = []
        members = []
        for number, each in enumerate(fields):
            kind: Any = _TYPES.get(each["kind"], msgspec.Raw)
            if each["kind"] in ("object", "list"):
                inner = _Shape(each["fields"])
                kind = inner.type | None if each["kind"] == "object" else list[inner.type] | None  # type: ignore[name-defined]
                self._plain.append((number, inner.plain if each["kind"] == "object" else inner.all_plain))
            elif kind is msgspec.Raw:
                self._plain.append((number, _spelled))
            members.append((f"_{number}", kind, None))
        rename = {f"_{number}": name for number, name in enumerate(self._names)}
        self.type: Any = msgspec.defstruct("LineDocument", members, rename=rename)

    def plain(self, value: Any) -> LineDocument:
        """The decoded object as a dict."""
        values = list(astuple(value))
        for number, plain in self._plain:
            if values[number] is not None:
                values[number] = plain(values[number])
        return dict(zip(self._names, values, strict=True))

    def all_plain(self, values: list[Any]) -> list[LineDocument]:
        return [self.plain(value) for value in values]


def _spelled(raw: msgspec.Raw) -> str | None:
    text = bytes(raw).decode()
    return None if text == "null" else text
