"""Field mappings: where a format takes its values from, a field's name or a template such as `Was regelt {section}?`."""

from dataclasses import dataclass
from string import Formatter
from typing import Literal

from themisdb_datasets.engine.query.sql import ShardQuery
from themisdb_datasets.errors import MalformedError

MAX_SOURCE = 10_000  # characters
MAX_FIELDS = (
    32  # in a template, each as often as it is there: what a line is made of has to stay within bounds
)


@dataclass(frozen=True)
class TemplatePart:
    """A piece of a template: text as it is, or the name of a field."""

    kind: Literal["text", "field"]
    text: str


@dataclass(frozen=True)
class MappedValue:
    """A field taken as it is (one field part, `template` false), or a template whose result is always a text."""

    source: str
    parts: tuple[TemplatePart, ...]
    template: bool

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields it reads."""
        return tuple(dict.fromkeys(part.text for part in self.parts if part.kind == "field"))

    def to_sql(self, query: ShardQuery) -> str:
        """The value as text; NULL where a plain field is absent or null."""
        if not self.template:
            return query.text(self.parts[0].text)
        return f"concat({', '.join(self._pieces(query))})"

    def length_sql(self, query: ShardQuery) -> str:
        """The value's length in characters, without the text being made; NULL where a plain field is absent or null."""
        if not self.template:
            return f"length({query.text(self.parts[0].text)})"
        return f"({' + '.join(f'length({piece})' for piece in self._pieces(query))})"

    def _pieces(self, query: ShardQuery) -> list[str]:
        return [
            query.bind(part.text) if part.kind == "text" else f"COALESCE({query.text(part.text)}, '')"
            for part in self.parts
        ]


def parse_value(source: str, *, place: str = "field_mapping") -> MappedValue:
    """Read a mapping's value; with a brace it is a template, in which `{{` and `}}` stand for braces themselves."""
    if not source:
        raise MalformedError("A mapping names a field or holds a template.", fields={place: "empty"})
    if len(source) > MAX_SOURCE:
        raise MalformedError.at(
            place,
            "A template has {most:,} characters at most, this one {count:,}.",
            code="bad_template",
            most=MAX_SOURCE,
            count=len(source),
        )
    if "{" not in source and "}" not in source:
        return MappedValue(source, (TemplatePart("field", source),), False)
    parts: list[TemplatePart] = []
    try:
        for text, name, spec, conversion in Formatter().parse(source):
            if text:
                parts.append(TemplatePart("text", text))
            if name is None:
                continue
            if not name or spec or conversion:
                raise ValueError("a field's name alone stands between braces")
            parts.append(TemplatePart("field", name))
    except ValueError as error:
        raise MalformedError.at(
            place,
            "The template {source!r} cannot be read: {reason}. A brace itself is written twice.",
            code="bad_template",
            source=source,
            reason=str(error),
        ) from None
    if sum(part.kind == "field" for part in parts) > MAX_FIELDS:
        raise MalformedError.at(
            place,
            "A template names {most} fields at most, each as often as it is there.",
            code="bad_template",
            most=MAX_FIELDS,
        )
    return MappedValue(source, tuple(parts), True)
