"""How a sample looks in a list: which of its fields is the title, which the text, and which are facts beside them."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from themis_admin.datasets.models import Dataset, Version
from themisdb_datasets.engine.versions.version import OpenVersion

TITLES = ("heading", "title", "question", "instruction", "name", "law_title", "subject")
TEXTS = ("text", "content", "answer", "output", "response", "completion", "body")
MAX_TEXT = 600
MAX_FACT = 60
MAX_FACTS = 6
# Python refuses to read longer integers, as reading takes time in the square of their length
# (CVE-2020-10735); such a number is a legal sample all the same, and has to be shown.
MAX_DIGITS = sys.int_info.default_max_str_digits


@dataclass(frozen=True)
class CardLayout:
    """The fields that a version's samples are shown by; None where there is none."""

    title: str | None
    text: str | None
    facts: tuple[str, ...]

    @classmethod
    def of(cls, dataset: Dataset, version: Version) -> "CardLayout":
        """Chosen by the dataset's mapping and by the usual names, then by whatever holds text."""
        texts = [field["name"] for field in version.fields if "string" in field["types"]]
        mapped = dataset.field_mapping
        title = _first((mapped.get("instruction_field"), *TITLES), texts)
        text = _first((mapped.get("text_field"), mapped.get("output_field"), *TEXTS), texts)
        text = text or next((name for name in texts if name != title), None)
        wanted = (dataset.key_field, dataset.timestamp_field)
        scalars = [field["name"] for field in version.fields if not {"object", "array"} & set(field["types"])]
        facts = dict.fromkeys([*(name for name in wanted if name in scalars), *scalars])
        return cls(title, text, tuple(name for name in facts if name not in (title, text)))


@dataclass(frozen=True)
class Card:
    """One sample as a list shows it."""

    position: int
    title: str
    text: str
    facts: list[tuple[str, str]]
    text_field: str | None = None


def cards(
    opened: OpenVersion, layout: CardLayout, positions: Iterable[int], *, search: str = ""
) -> list[Card]:
    """The samples at `positions`, with the text cut around the first hit of `search`."""
    return [card(parsed(opened.line(position)), layout, position, search=search) for position in positions]


def parsed(line: bytes) -> dict[str, Any]:
    """A sample to be shown. A number with more digits than Python reads is its text."""
    sample: dict[str, Any] = json.loads(line, parse_int=_integer)
    return sample


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= MAX_DIGITS else text


def card(sample: dict[str, Any], layout: CardLayout, position: int, *, search: str = "") -> Card:
    """One parsed sample by its layout."""
    facts: list[tuple[str, str]] = []
    for name in layout.facts:
        shown = shown_value(value_at(sample, name))
        if shown and len(shown) <= MAX_FACT and len(facts) < MAX_FACTS:
            facts.append((name, shown))
    text = value_at(sample, layout.text) if layout.text else None
    title = shown_value(value_at(sample, layout.title)) if layout.title else ""
    return Card(position, title[:MAX_TEXT], _around(shown_value(text), search), facts, layout.text)


def value_at(sample: dict[str, Any], name: str) -> Any:
    """A field of a sample, or a member of one by its dotted name; None where it is absent."""
    # A field may have a dot in its own name, which goes before the dotted way to a member.
    if name in sample:
        return sample[name]
    outer, _, inner = name.partition(".")
    members = sample.get(outer)
    return members.get(inner) if isinstance(members, dict) else None


def shown_value(value: Any) -> str:
    """A value as people read it; nothing for null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def passages(sample: dict[str, Any], layout: CardLayout) -> list[tuple[str, str]]:
    """The sample's long texts, the main one first."""
    names = dict.fromkeys([*([layout.text] if layout.text else []), *sample])
    texts = ((name, value_at(sample, name)) for name in names if name != layout.title)
    long = [
        (name, text)
        for name, text in texts
        if isinstance(text, str) and (len(text) > 120 or name == layout.text)
    ]
    return [(name, text) for name, text in long if text]


def scalars(sample: dict[str, Any], shown: Sequence[str]) -> list[tuple[str, str]]:
    """The sample's other values, one level deep."""
    flat: dict[str, Any] = {}
    for name, value in sample.items():
        flat.update(
            {f"{name}.{inner}": each for inner, each in value.items()}
            if isinstance(value, dict)
            else {name: value}
        )
    return [(name, shown_value(value) or "null") for name, value in flat.items() if name not in shown]


def _first(wanted: Iterable[str | None], known: Sequence[str]) -> str | None:
    return next((name for name in wanted if name in known), None)


def _around(text: str, search: str) -> str:
    at = text.casefold().find(search.casefold()) if search else -1
    start = max(0, at - 120)
    cut = text[start : start + MAX_TEXT]
    return f"{'… ' if start else ''}{cut}{' …' if start + MAX_TEXT < len(text) else ''}"
