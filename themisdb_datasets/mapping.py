"""Field mappings: where a format takes its values from, a field's name or a template such as `Was regelt {section}?`."""

from dataclasses import dataclass
from string import Formatter
from typing import Literal

from themisdb_datasets.errors import MalformedError
from themisdb_datasets.sql import ShardQuery


@dataclass(frozen=True)
class Part:
    """A piece of a template: text as it is, or the name of a field."""

    kind: Literal["text", "field"]
    text: str


@dataclass(frozen=True)
class MappedValue:
    """A field taken as it is (one field part, `template` false), or a template whose result is always a text."""

    source: str
    parts: tuple[Part, ...]
    template: bool

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields it reads."""
        return tuple(dict.fromkeys(part.text for part in self.parts if part.kind == "field"))

    def to_sql(self, query: ShardQuery) -> str:
        """The value as text; NULL where a plain field is absent or null."""
        if not self.template:
            return query.text(self.parts[0].text)
        pieces = (
            query.bind(part.text) if part.kind == "text" else f"COALESCE({query.text(part.text)}, '')"
            for part in self.parts
        )
        return f"concat({', '.join(pieces)})"


def parse_value(source: str, *, place: str = "field_mapping") -> MappedValue:
    """Read a mapping's value; with a brace it is a template, in which `{{` and `}}` stand for braces themselves."""
    if not source:
        raise MalformedError("A mapping names a field or holds a template.", fields={place: "empty"})
    if "{" not in source and "}" not in source:
        return MappedValue(source, (Part("field", source),), False)
    parts: list[Part] = []
    try:
        for text, name, spec, conversion in Formatter().parse(source):
            if text:
                parts.append(Part("text", text))
            if name is None:
                continue
            if not name or spec or conversion:
                raise ValueError("a field's name alone stands between braces")
            parts.append(Part("field", name))
    except ValueError as error:
        message = f"The template {source!r} cannot be read: {error}. A brace itself is written twice."
        raise MalformedError(message, code="bad_template", fields={place: message}) from None
    return MappedValue(source, tuple(parts), True)
