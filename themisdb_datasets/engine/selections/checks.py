"""Checks that no column can answer: whether a mapped value is a conversation, or satisfies a JSON Schema."""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from themisdb_datasets.engine.query.mapping import MappedValue, parse_value
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.rendering.messages import conversation
from themisdb_datasets.engine.rendering.render import Renderer
from themisdb_datasets.engine.selections.schemas import compiled
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import MalformedError
from themisdb_datasets.vectors import Mask

BLOCK = 4096


@dataclass(frozen=True)
class Conversation:
    """The value is a list of messages in one of the known shapes, and not an empty one."""

    of: MappedValue
    rejects: bool = True

    def to_document(self) -> dict[str, Any]:
        return {"conversation": {"of": self.of.source}}

    def accepts(self, raw: bytes) -> bool:
        """Whether a raw JSON value passes."""
        return conversation(raw) is not None


@dataclass(frozen=True)
class Schema:
    """The value satisfies a JSON Schema; of a text, the JSON that it holds or else the text itself.

    Samples that do not are counted, and left out where it `rejects`.
    """

    schema: str  # the canonical document
    of: MappedValue
    rejects: bool = True

    def to_document(self) -> dict[str, Any]:
        return {"schema": {"of": self.of.source, "schema": self.schema, "rejects": self.rejects}}

    def accepts(self, raw: bytes) -> bool:
        """Whether a raw JSON value passes."""
        is_valid = compiled(self.schema).is_valid
        value = _decoded(raw)
        if isinstance(value, str) and (held := _decoded(value)) is not UNREADABLE and is_valid(held):
            return True
        return value is not UNREADABLE and bool(is_valid(value))


UNREADABLE = object()


def _decoded(raw: bytes | str) -> Any:
    """The value, or UNREADABLE: a text that holds no JSON, a number beyond all range, what is nested too deeply."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return UNREADABLE


Check = Conversation | Schema


def parse_check(document: dict[str, Any]) -> Check:
    """The check that `to_document` wrote."""
    (kind, content), *_ = document.items()
    of = parse_value(content["of"])
    return Conversation(of) if kind == "conversation" else Schema(content["schema"], of, content["rejects"])


def parse_schema(document: Any, *, of: MappedValue, rejects: bool, place: str) -> Schema:
    """Check a JSON Schema; MalformedError for one that is no schema, is too large, or refers outside itself."""
    text = msgspec.json.encode(document, order="deterministic").decode()
    try:
        compiled(text)
    except ValueError as error:
        raise MalformedError.at(
            place,
            "This JSON Schema cannot be used: {reason}.",
            code="bad_schema",
            reason=str(error).splitlines()[0][:300],
        ) from None
    return Schema(text, of, rejects)


class Checker:
    """One check over a version, on values as the renderer makes them."""

    def __init__(self, check: Check, version: OpenVersion) -> None:
        self.check = check
        self._renderer = Renderer(version, Format("text_completion", {"text": check.of}, weight=False))

    def passes(self, positions: npt.NDArray[np.int64]) -> Mask:
        """Which of the samples at these positions pass."""
        mask = np.empty(len(positions), np.bool_)
        # What is checked is what would be delivered: the value as the renderer writes it, without what stands
        # around it.
        start, end = len(b'{"text":'), len(b"}\n")
        for first in range(0, len(positions), BLOCK):
            block = positions[first : first + BLOCK]
            lines = self._renderer.lines(block, np.zeros(len(block), np.uint16))
            stops = np.cumsum(lines.sizes).tolist()
            data = lines.join(0, len(block))
            place = 0
            for number, stop in enumerate(stops, start=first):
                mask[number] = self.check.accepts(bytes(data[place + start : stop - end]))
                place = stop
        return mask
