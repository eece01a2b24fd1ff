"""A tokenizer from its tokenizer.json, checked by loading and using it, and what texts are in its numbers.

https://huggingface.co/docs/tokenizers/api/tokenizer
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from tokenizers import Tokenizer as Library

from themisdb_datasets.errors import ImpossibleError, MalformedError
from themisdb_datasets.names import nearest

MAX_BYTES = 64 << 20
# What documents end with in the tokenizers that are common.
USUAL_EOS = (
    "<|endoftext|>",
    "<|end_of_text|>",
    "</s>",
    "<eos>",
    "<|im_end|>",
    "<|eot_id|>",
    "[SEP]",
    "[EOS]",
    "<EOS>",
)
PROBE = "Wer 1 Anlage betreibt, hält §§ 5-7 ein:\n it's 😀"


@dataclass(frozen=True)
class Tokenizer:
    """A loaded tokenizer; `digest` is the SHA-256 of its file, and `document` the file's content.

    Texts are encoded whole and as they are: it neither cuts, pads, nor adds special tokens.
    """

    digest: str
    document: dict[str, Any] = field(repr=False)
    library: Library = field(repr=False)
    vocabulary_size: int

    @classmethod
    def load(cls, data: bytes) -> "Tokenizer":
        """Read a tokenizer.json. MalformedError: it is none, or one that cannot encode."""
        if len(data) > MAX_BYTES:
            raise MalformedError.at(
                "file", "A tokenizer.json has at most {most} MB.", code="bad_tokenizer", most=MAX_BYTES >> 20
            )
        try:
            document = msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            raise MalformedError.at(
                "file", "This is no tokenizer.json: {reason}.", code="bad_tokenizer", reason=str(error)
            ) from None
        with panics_as_errors():
            library = Library.from_buffer(data)
            library.no_truncation()
            library.no_padding()
            # A file that loads may still fail at the first text, by a panic in the library; better now than
            # in the middle of a build.
            library.encode(PROBE, add_special_tokens=False)
            vocabulary = library.get_vocab(with_added_tokens=True)
        if not vocabulary:
            raise MalformedError.at("file", "The tokenizer has no vocabulary.", code="bad_tokenizer")
        if isinstance(model := document.get("model"), dict) and model.get("dropout"):
            raise MalformedError.at(
                "file",
                "The tokenizer drops merges at random; set model.dropout to null.",
                code="bad_tokenizer",
            )
        size = max(vocabulary.values()) + 1
        return cls(hashlib.sha256(data).hexdigest(), document, library, size)

    @property
    def added_tokens(self) -> list[str]:
        """The tokens that are found in a text before anything else, special ones among them, by number."""
        added = self.library.get_added_tokens_decoder()
        return [added[number].content for number in sorted(added)]

    @property
    def usual_eos(self) -> str | None:
        """The token that documents probably end with."""
        return next((name for name in USUAL_EOS if self.library.token_to_id(name) is not None), None)

    def number(self, token: str) -> int:
        """The number of a token. MalformedError: the vocabulary has no such token."""
        number = self.library.token_to_id(token)
        if number is None:
            raise MalformedError.at(
                "eos_token",
                "The tokenizer has no token {token!r}{hint}.",
                code="unknown_token",
                token=token,
                hint=nearest(token, self.added_tokens),
            )
        return int(number)


def encode_all(library: Library, texts: list[str]) -> list[list[int]]:
    """The numbers of each text's tokens, special ones not added. ImpossibleError: the tokenizer fails on one of them."""
    try:
        with panics_as_errors():
            found = library.encode_batch_fast(texts, add_special_tokens=False)
    except MalformedError as error:
        raise ImpossibleError(error.message, code="tokenizer_fails") from error
    return [encoding.ids for encoding in found]


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """The library raises plain Exceptions, and where it panics something that is not even an Exception."""
    try:
        yield
    except BaseException as error:
        if type(error) not in (Exception, ValueError, TypeError) and "Panic" not in type(error).__name__:
            raise
        raise MalformedError.at(
            "file", "The tokenizer does not work: {reason}.", code="bad_tokenizer", reason=str(error)
        ) from error
