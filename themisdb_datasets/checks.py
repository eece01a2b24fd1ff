"""Checks that no column can answer: whether a mapped value is a conversation, or satisfies a JSON Schema."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jsonschema_rs
import msgspec
import numpy as np
import numpy.typing as npt

from themisdb_datasets.errors import MalformedError
from themisdb_datasets.formats import Format
from themisdb_datasets.mapping import MappedValue, parse_value
from themisdb_datasets.messages import conversation
from themisdb_datasets.render import Renderer
from themisdb_datasets.version import OpenVersion

BLOCK = 4096
MAX_SCHEMA_BYTES = 256 << 10
PATTERN_BYTES = 10 << 20  # the most that one regular expression may compile to

Mask = npt.NDArray[np.bool_]


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
        is_valid = _validator(self.schema).is_valid
        value = msgspec.json.decode(raw)
        if isinstance(value, str):
            try:
                if is_valid(msgspec.json.decode(value)):
                    return True
            except (msgspec.DecodeError, RecursionError):
                pass  # a text that holds no JSON is looked at as it is
        return bool(is_valid(value))


Check = Conversation | Schema


def parse_check(document: dict[str, Any]) -> Check:
    """The check that `to_document` wrote."""
    (kind, content), *_ = document.items()
    of = parse_value(content["of"])
    return Conversation(of) if kind == "conversation" else Schema(content["schema"], of, content["rejects"])


def parse_schema(document: Any, *, of: MappedValue, rejects: bool, place: str) -> Schema:
    """Check a JSON Schema; MalformedError for one that is no schema, is too large, or refers outside itself."""
    text = msgspec.json.encode(document, order="deterministic").decode()
    if len(text) > MAX_SCHEMA_BYTES:
        raise _bad(place, f"The schema is larger than {MAX_SCHEMA_BYTES >> 10} KiB.")
    try:
        _validator(text)
    except (ValueError, RecursionError) as error:
        raise _bad(place, f"This is no JSON Schema: {str(error).splitlines()[0][:300]}") from None
    return Schema(text, of, rejects)


@lru_cache(maxsize=32)
def _validator(schema: str) -> Any:
    # Patterns are matched in linear time, and nothing outside the schema is ever fetched.
    options = jsonschema_rs.RegexOptions(size_limit=PATTERN_BYTES, dfa_size_limit=PATTERN_BYTES)
    document = msgspec.json.decode(schema)
    return jsonschema_rs.validator_for(document, retriever=_refuse, pattern_options=options)


def _refuse(uri: str) -> Any:
    raise ValueError(f"it refers to {uri}; a schema may refer to its own parts only")


def _bad(place: str, message: str) -> MalformedError:
    return MalformedError(message, code="bad_schema", fields={place: message})


class Checker:
    """One check over a version, on values as the renderer makes them."""

    def __init__(self, check: Check, version: OpenVersion) -> None:
        self.check = check
        self._renderer = Renderer(version, Format("text_completion", {"text": check.of}, weight=False))

    def passes(self, positions: npt.NDArray[np.int64]) -> Mask:
        """Which of the samples at these positions pass."""
        mask = np.empty(len(positions), np.bool_)
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
