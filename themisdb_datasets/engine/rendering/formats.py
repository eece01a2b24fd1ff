"""Formats: what an export line looks like, as a row of pieces.

`instruction_tuning`, `chat_completion`, `text_completion` and `raw` are ThemisDB's; `preference` is TRL's. The presets are
lines as other trainers take them: `alpaca`, `sharegpt`, `openai` and `chatml` (its text with the special tokens written
out). https://huggingface.co/docs/trl/dataset_formats, https://llamafactory.readthedocs.io/en/latest/
"""

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any

import msgspec

from themisdb_datasets.engine.query.mapping import MappedValue, parse_value
from themisdb_datasets.engine.rendering.messages import END, START, Messages, Shape
from themisdb_datasets.engine.rendering.pieces import (
    FactorPiece,
    InsidePiece,
    KeyPiece,
    LinePiece,
    Piece,
    TextPiece,
    ValuePiece,
    WeightPiece,
    weight_texts,
)

FORMATS = ("instruction_tuning", "chat_completion", "text_completion", "raw", "preference")
PRESETS = ("alpaca", "sharegpt", "chatml", "openai")
OUTPUTS = {
    "instruction_tuning": "output",
    "alpaca": "output",
    "text_completion": "text",
    "preference": "chosen",
    "chat_completion": "assistant",
    "openai": "assistant",
    "sharegpt": "assistant",
    "chatml": "assistant",
}


@dataclass(frozen=True)
class Format:
    """What a line looks like. `mapping` has the roles that the format uses (instruction, input, output, text, system,
    user, assistant, messages, prompt, chosen, rejected); `metadata` the fields copied beside them; `weight` whether the
    line carries its weight, and `explain` names the weight's factors, which the line then carries too.
    """

    name: str
    mapping: dict[str, MappedValue] = field(default_factory=dict)
    metadata: tuple[str, ...] = ()
    weight: bool = True
    explain: tuple[str, ...] = ()

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "name": self.name,
            "mapping": {role: value.source for role, value in self.mapping.items()},
            "metadata": list(self.metadata),
            "weight": self.weight,
        }
        return {**document, "explain": list(self.explain)} if self.explain else document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Format":
        """The format that `to_document` wrote."""
        mapping = {role: parse_value(source) for role, source in document["mapping"].items()}
        explain = tuple(document.get("explain", ()))
        return cls(document["name"], mapping, tuple(document["metadata"]), document["weight"], explain)

    @property
    def output(self) -> MappedValue | None:
        """What the model shall learn to say; the length factor and the output filters look at it."""
        if self.name == "raw":
            return None
        return self.mapping.get("messages") or self.mapping.get(OUTPUTS[self.name])

    @property
    def fields(self) -> list[str]:
        """Every field that a line reads."""
        names = dict.fromkeys(name for value in self.mapping.values() for name in value.fields)
        return list(dict.fromkeys([*names, *self.metadata]))


def pieces_of(form: Format, certain: Set[str]) -> list[Piece]:
    """A line of the format; `certain` fields have a value in every sample."""
    if form.name == "raw":
        return [LinePiece()]
    body = {
        "instruction_tuning": _instruction,
        "alpaca": _alpaca,
        "text_completion": _completion,
        "preference": _preference,
        "chat_completion": _chat,
        "openai": _chat,
        "sharegpt": _sharegpt,
        "chatml": _chatml,
    }[form.name](form.mapping)
    after = b',"metadata":{' if form.metadata else b"}\n"
    if form.explain:
        body += [WeightPiece(weight_texts(b',"weight":', b"")), *_factors(form.explain), TextPiece(after)]
    else:
        body.append(WeightPiece(weight_texts(b',"weight":', after)) if form.weight else TextPiece(after))
    for number, name in enumerate(form.metadata):
        key, before = b"," + msgspec.json.encode(name) + b":", form.metadata[:number]
        if name in certain and (not before or not certain.isdisjoint(before)):
            body.append(TextPiece(key if before else key[1:]))
        else:
            body.append(KeyPiece(name, before, key))
        body.append(ValuePiece(name, b""))
    return [*body, TextPiece(b"}}\n")] if form.metadata else body


def _factors(names: tuple[str, ...]) -> list[Piece]:
    pieces: list[Piece] = [TextPiece(b',"weight_factors":{')]
    for number, name in enumerate(names):
        pieces += [TextPiece(b"," * bool(number) + msgspec.json.encode(name) + b":"), FactorPiece(number)]
    return [*pieces, TextPiece(b"}")]


Mapping = dict[str, MappedValue]


def _instruction(mapping: Mapping) -> list[Piece]:
    pieces: list[Piece] = [TextPiece(b'{"instruction":'), *_mapped(mapping["instruction"])]
    if "input" in mapping:
        given = mapping["input"]
        pieces += [TextPiece(b',"input":', given), *_mapped(given, when=given)]
    return [*pieces, TextPiece(b',"output":'), *_mapped(mapping["output"])]


def _alpaca(mapping: Mapping) -> list[Piece]:
    given = _mapped(mapping["input"]) if "input" in mapping else [TextPiece(b'""')]
    start = [TextPiece(b'{"instruction":'), *_mapped(mapping["instruction"]), TextPiece(b',"input":'), *given]
    return [*start, TextPiece(b',"output":'), *_mapped(mapping["output"])]


def _completion(mapping: Mapping) -> list[Piece]:
    return [TextPiece(b'{"text":'), *_mapped(mapping["text"])]


def _preference(mapping: Mapping) -> list[Piece]:
    pieces: list[Piece] = []
    for start, role in ((b"{", "prompt"), (b",", "chosen"), (b",", "rejected")):
        pieces += [TextPiece(start + msgspec.json.encode(role) + b":"), *_mapped(mapping[role])]
    return pieces


def _chat(mapping: Mapping) -> list[Piece]:
    return _conversation(mapping, b'{"messages":', "openai", (b'{"role":', b',"content":'))


def _sharegpt(mapping: Mapping) -> list[Piece]:
    return _conversation(mapping, b'{"conversations":', "sharegpt", (b'{"from":', b',"value":'))


def _conversation(mapping: Mapping, start: bytes, shape: Shape, keys: tuple[bytes, bytes]) -> list[Piece]:
    if "messages" in mapping:
        return [TextPiece(start), Messages(mapping["messages"].parts[0].text, shape)]
    names = ("system", "user", "assistant") if shape == "openai" else ("system", "human", "gpt")
    system, user, assistant = (keys[0] + msgspec.json.encode(name) + keys[1] for name in names)
    pieces: list[Piece] = [TextPiece(start + b"[")]
    if "system" in mapping:
        given = mapping["system"]
        pieces += [TextPiece(system, given), *_mapped(given, when=given), TextPiece(b"},", given)]
    pieces += [
        TextPiece(user),
        *_asked(mapping),
        TextPiece(b"}," + assistant),
        *_mapped(mapping["assistant"]),
    ]
    return [*pieces, TextPiece(b"}]")]


def _asked(mapping: Mapping) -> list[Piece]:
    """What the user says: with an input, both in one text, an empty line between them."""
    if "input" not in mapping:
        return _mapped(mapping["user"])
    return [TextPiece(b'"'), *_said(mapping), TextPiece(b'"')]


def _said(mapping: Mapping) -> list[Piece]:
    if "input" not in mapping:
        return _inside(mapping["user"])
    given = mapping["input"]
    return [*_inside(mapping["user"]), TextPiece(rb"\n\n", given), *_inside(given, when=given)]


def _chatml(mapping: Mapping) -> list[Piece]:
    start = TextPiece(b'{"text":"')
    if "messages" in mapping:
        return [start, Messages(mapping["messages"].parts[0].text, "chatml"), TextPiece(b'"')]
    end = _written(f"{END}\n")
    pieces: list[Piece] = [start]
    if "system" in mapping:
        given = mapping["system"]
        pieces += [
            TextPiece(_written(f"{START}system\n"), given),
            *_inside(given, when=given),
            TextPiece(end, given),
        ]
    pieces += [
        TextPiece(_written(f"{START}user\n")),
        *_said(mapping),
        TextPiece(end + _written(f"{START}assistant\n")),
    ]
    return [*pieces, *_inside(mapping["assistant"]), TextPiece(end + b'"')]


def _mapped(value: MappedValue, *, when: MappedValue | None = None) -> list[Piece]:
    """A value as it is, or a template as a text."""
    if not value.template:
        return [ValuePiece(value.parts[0].text, when=when)]
    return [TextPiece(b'"', when), *_inside(value, when=when), TextPiece(b'"', when)]


def _inside(value: MappedValue, *, when: MappedValue | None = None) -> list[Piece]:
    """A value or a template within a text."""
    return [
        TextPiece(_written(part.text), when) if part.kind == "text" else InsidePiece(part.text, when)
        for part in value.parts
    ]


def _written(text: str) -> bytes:
    """A text as it stands within JSON's quotes."""
    return msgspec.json.encode(text)[1:-1]
