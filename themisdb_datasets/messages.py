"""Conversations: lists of messages in OpenAI's or ShareGPT's shape, turned into the one that a format has.

OpenAI: `{"role": "user", "content": …}`; ShareGPT: `{"from": "human", "value": …}`. This is what spans cannot express, so
it goes through a decoder, which leaves the values themselves as they are spelled.
https://platform.openai.com/docs/api-reference/chat, https://huggingface.co/docs/trl/dataset_formats
"""

from dataclasses import dataclass
from typing import Literal

import msgspec

from themisdb_datasets.gather import Words
from themisdb_datasets.pieces import Batch

Shape = Literal["openai", "sharegpt", "chatml"]

TO_OPENAI = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
}
TO_SHAREGPT = {"user": "human", "assistant": "gpt"}
START, END = "<|im_start|>", "<|im_end|>"


class Message(msgspec.Struct):
    """A message in either shape; what else it has is not looked at."""

    role: str | None = None
    content: msgspec.Raw = msgspec.Raw()
    from_: str | None = msgspec.field(default=None, name="from")
    value: msgspec.Raw = msgspec.Raw()

    @property
    def speaker(self) -> str | None:
        """The role in OpenAI's words."""
        return self.role if self.from_ is None else TO_OPENAI.get(self.from_, self.from_)

    @property
    def text(self) -> bytes:
        """What is said, as raw JSON; empty where nothing is."""
        return bytes(self.content if self.from_ is None else self.value)


_decode = msgspec.json.Decoder(list[Message]).decode


def conversation(raw: bytes) -> list[Message] | None:
    """The messages in a raw JSON value; None where it is no list of messages, or an empty one."""
    try:
        messages = _decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not messages or any(message.speaker is None or not message.text for message in messages):
        return None
    return messages


def converted(raw: bytes, shape: Shape) -> bytes | None:
    """The conversation in `raw` in another shape, for `chatml` as the inside of a JSON text; None as it is.

    What is no conversation comes out as an empty one. Messages that have the shape already keep all they have.
    """
    messages = conversation(raw)
    if shape == "chatml":
        return b"".join(_chatml(message) for message in messages or ())
    if messages is None:
        return b"[]"
    if all((message.from_ is None) == (shape == "openai") for message in messages):
        return None
    return b"[" + b",".join(_message(message, shape) for message in messages) + b"]"


def _message(message: Message, shape: Shape) -> bytes:
    speaker = message.speaker or ""
    if shape == "openai":
        return b'{"role":%b,"content":%b}' % (msgspec.json.encode(speaker), message.text)
    name = message.from_ or TO_SHAREGPT.get(speaker, speaker)
    return b'{"from":%b,"value":%b}' % (msgspec.json.encode(name), message.text)


def _chatml(message: Message) -> bytes:
    start = msgspec.json.encode(f"{START}{message.speaker}\n")[1:-1]
    return start + inside(message.text) + msgspec.json.encode(f"{END}\n")[1:-1]


def inside(raw: bytes) -> bytes:
    """A raw JSON value as the inside of a JSON text: strings without their quotes, null as nothing."""
    if raw.startswith(b'"'):
        return raw[1:-1]
    return b"" if raw == b"null" else msgspec.json.encode(raw.decode())[1:-1]


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
        rows, texts = [], []
        for row, (start, size) in enumerate(zip(offset.tolist(), length.tolist(), strict=True)):
            text = converted(bytes(batch.source.buffer.slice(start, size)), self.shape)
            if text is not None:
                rows.append(row)
                texts.append(text)
        batch.put_texts(view, rows, texts)
