"""Conversations: lists of messages in OpenAI's or ShareGPT's shape, turned into the one that a format has.

OpenAI: `{"role": "user", "content": …}`; ShareGPT: `{"from": "human", "value": …}`. A text that holds such a list as JSON
counts as the list. This is what spans cannot express, so it goes through a decoder, which leaves the values themselves as
they are spelled. https://platform.openai.com/docs/api-reference/chat, https://huggingface.co/docs/trl/dataset_formats
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import msgspec

from themisdb_datasets.engine.rendering.pieces import NULL, QUOTE, Batch
from themisdb_datasets.engine.shards.reasons import too_deep
from themisdb_datasets.vectors import Words

Shape = Literal["openai", "sharegpt", "chatml"]
Json = bytes | memoryview

TO_OPENAI = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
}
TO_SHAREGPT = {"user": "human", "assistant": "gpt"}
START, END = "<|im_start|>", "<|im_end|>"
NOTHING = msgspec.Raw()


class Message(msgspec.Struct):
    """A message in either shape; what else it has is not looked at."""

    role: str | None = None
    content: msgspec.Raw = NOTHING
    from_: str | None = msgspec.field(default=None, name="from")
    value: msgspec.Raw = NOTHING

    @property
    def speaker(self) -> str:
        """The role in OpenAI's words."""
        return TO_OPENAI.get(self.from_, self.from_) if self.from_ is not None else self.role or ""

    @property
    def text(self) -> msgspec.Raw:
        """What is said."""
        return self.content if self.from_ is None else self.value


class OpenAIMessage(msgspec.Struct):
    """A turn as {"role", "content"}."""

    role: str
    content: msgspec.Raw


class ShareGPTMessage(msgspec.Struct):
    """A turn as {"from", "value"}."""

    from_: str = msgspec.field(name="from")
    value: msgspec.Raw = NOTHING


_decode = msgspec.json.Decoder(list[Message]).decode
_encode = msgspec.json.Encoder().encode


def conversation(raw: Json) -> list[Message] | None:
    """The messages in a raw JSON value; None where it is no list of messages, or an empty one."""
    try:
        messages = _decode(_listed(raw))
    except msgspec.DecodeError:
        return None
    for message in messages:
        if message.from_ is None:
            if message.role is None or message.content is NOTHING:
                return None
        elif message.value is NOTHING:
            return None
    return messages or None


def _listed(raw: Json) -> Json:
    """The list, on one line: itself, or what a text holds; DecodeError for a text whose JSON no sample could have."""
    if not raw or raw[0] != QUOTE:
        return raw
    held = msgspec.json.decode(raw, type=str).encode()
    if too_deep(held, around=1):
        raise msgspec.DecodeError("it is nested too deeply")
    msgspec.json.decode(held)  # whole, because Raw values are not looked at for their escapes
    return msgspec.json.format(held, indent=-1)


def converted(raw: Json, shape: Shape) -> bytes | None:
    """The conversation in `raw` in another shape, for `chatml` as the inside of a JSON text; None as it is.

    What is no conversation comes out as an empty one. Messages that have the shape already keep all they have.
    """
    messages = conversation(raw)
    if shape == "chatml":
        return b"".join(_chatml(messages or []))
    if messages is None:
        return b"[]"
    if all((message.from_ is None) == (shape == "openai") for message in messages):
        held = _listed(raw)
        return None if held is raw else bytes(held)
    if shape == "openai":
        return _encode([OpenAIMessage(message.speaker, message.text) for message in messages])
    return _encode([ShareGPTMessage(_sharegpt(message), message.text) for message in messages])


def _sharegpt(message: Message) -> str:
    return message.from_ or TO_SHAREGPT.get(message.speaker, message.speaker)


def _chatml(messages: list[Message]) -> Iterator[Json]:
    end = _written(f"{END}\n")
    for message in messages:
        yield _written(f"{START}{message.speaker}\n")
        yield inside(memoryview(message.text))
        yield end


@lru_cache(maxsize=1024)
def _written(text: str) -> bytes:
    """A text as it stands within JSON's quotes."""
    return msgspec.json.encode(text)[1:-1]


def inside(raw: memoryview) -> Json:
    """A raw JSON value as the inside of a JSON text: strings without their quotes, null as nothing."""
    if raw[0] == QUOTE:
        return raw[1:-1]
    return b"" if raw[0] == NULL else msgspec.json.encode(str(raw, "utf-8"))[1:-1]


@dataclass(frozen=True)
class Messages:
    """A piece: the field `name`, a conversation, in the shape of the format."""

    name: str
    shape: Shape
    text: bytes = b""

    def fill(self, view: Words, batch: Batch, constant: Words) -> None:
        """Conversations that have the shape already are gathered, the others written anew."""
        offset, length = batch.place(self.name)
        batch.put(view, offset, length)
        data = memoryview(batch.source.buffer)
        rows, texts = [], []
        for row, (start, size) in enumerate(zip(offset.tolist(), length.tolist(), strict=True)):
            text = converted(data[start : start + size], self.shape)
            if text is not None:
                rows.append(row)
                texts.append(text)
        batch.put_texts(view, rows, texts)
