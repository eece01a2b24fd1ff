"""Texts as tokens, a block at a time: word by word where that gives the same, each word encoded once; else text by text."""

import re
import threading
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from tokenizers import Tokenizer as Library

from themisdb_datasets.fields import Ints
from themisdb_datasets.tokenizer import Tokenizer, encode_all
from themisdb_datasets.words import SEPARATOR, Pattern, pattern_of

Tokens = npt.NDArray[np.uint32]
Column = TypeVar("Column", Ints, Tokens)

END = bytes([SEPARATOR])
MAX_WORDS = 1 << 19  # remembered, and their tokens; then it begins anew
MAX_TOKENS = 1 << 22
LONG_WORD = 256  # bytes; what is longer is not likely to come again


@dataclass(frozen=True)
class Encoded:
    """The tokens of some texts one after the other, and where each text ends among them."""

    tokens: Tokens
    ends: Ints


class Encoder:
    """Encodes texts, with the tokens `after` behind each. Threads may share one."""

    def __init__(self, tokenizer: Tokenizer, *, after: tuple[int, ...] = ()) -> None:
        self.tokenizer = tokenizer
        self.after = after
        pattern = pattern_of(tokenizer.document)
        self._words = None if pattern is None else WordTable(tokenizer, pattern, after)
        self._begins_blank = pattern is not None and pattern.begins_blank
        added = [token for token in tokenizer.added_tokens if token]
        self._added = "|".join(map(re.escape, added))

    def encode(self, texts: pa.Array) -> Encoded:
        """The tokens of a string array without NULL."""
        if self._words is None:
            return self._each(texts)
        plain = self._plain(texts)
        if plain.all():
            return self._by_words(texts)
        cuts = [0, *(np.flatnonzero(plain[1:] != plain[:-1]) + 1).tolist(), len(plain)]
        parts = []
        for first, last in pairwise(cuts):
            some = texts.slice(first, last - first)
            parts.append(self._by_words(some) if plain[first] else self._each(some))
        before = np.cumsum([0, *(len(part.tokens) for part in parts)])
        ends = [part.ends + start for part, start in zip(parts, before, strict=False)]
        return Encoded(np.concatenate([part.tokens for part in parts]), np.concatenate(ends))

    def _plain(self, texts: pa.Array) -> npt.NDArray[np.bool_]:
        """Which texts hold none of the added tokens, which are found before words are."""
        if not self._added:
            return np.ones(len(texts), np.bool_)
        holds: npt.NDArray[np.bool_] = pc.match_substring_regex(texts, self._added).to_numpy(
            zero_copy_only=False
        )
        return ~holds

    def _each(self, texts: pa.Array) -> Encoded:
        found = encode_all(self.tokenizer.library, texts.to_pylist())
        for tokens in found:
            tokens += self.after
        ends = np.cumsum(np.fromiter(map(len, found), np.int64, len(found)))
        total = int(ends[-1]) if len(ends) else 0
        return Encoded(np.fromiter(chain.from_iterable(found), np.uint32, total), ends)

    def _by_words(self, texts: pa.Array) -> Encoded:
        assert self._words is not None
        if self._begins_blank:
            needs = pc.and_(pc.invert(pc.starts_with(texts, " ")), pc.greater(pc.binary_length(texts), 0))
            texts = pc.if_else(needs, pc.binary_join_element_wise(" ", texts, ""), texts)
        ended = pc.binary_join_element_wise(texts.cast(pa.binary()), b"", END)
        bounds = np.frombuffer(ended.buffers()[1], np.int32, len(ended) + 1, ended.offset * 4)
        data = np.frombuffer(ended.buffers()[2] or b"", np.uint8)[bounds[0] : bounds[-1]]
        return self._words.encode(data)


class WordTable:
    """The tokens of every word that has come, so that each is encoded once."""

    def __init__(self, tokenizer: Tokenizer, pattern: Pattern, after: tuple[int, ...]) -> None:
        self._library = Library(tokenizer.library.model)
        self._library.pre_tokenizer = pattern.alone
        self._after = np.array(after, np.uint32)
        self._finder = pattern.finder
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        """Forget all words but the end of a text, whose tokens are those behind each."""
        # Rows of arrays that only grow: who has looked a word up may read them while others add to them.
        self._rows: dict[bytes, int] = {}
        self._places, self._counts = np.zeros(1024, np.int64), np.zeros(1024, np.int64)
        self._tokens = np.zeros(4096, np.uint32)
        self._num_rows = self._num_tokens = 0
        self._append([END], [self._after.tolist()])

    def encode(self, data: npt.NDArray[np.uint8]) -> Encoded:
        """The tokens of texts in UTF-8 with a SEPARATOR after each."""
        if not len(data):
            return Encoded(np.empty(0, np.uint32), np.empty(0, np.int64))
        starts = self._finder.starts(data)
        bounds = np.append(starts, len(data)).astype(np.int32)
        words = pa.Array.from_buffers(
            pa.binary(), len(starts), [None, pa.py_buffer(bounds), pa.py_buffer(data)]
        ).dictionary_encode()
        which = np.frombuffer(words.indices.buffers()[1], np.int32, len(starts))
        with self._lock:
            rows, places, counts, tokens = self._look_up(words.dictionary.to_pylist())
        place, count = places[rows][which], counts[rows][which]
        ends = np.cumsum(count)
        found = tokens[np.arange(ends[-1]) + np.repeat(place - (ends - count), count)]
        return Encoded(found, ends[data[starts] == SEPARATOR])

    def _look_up(self, words: list[bytes]) -> tuple[Ints, Ints, Ints, Tokens]:
        """The rows of these words, and the columns: where a word's tokens are, how many these are, and all tokens."""
        rows = list(map(self._rows.get, words))
        missing = [number for number, row in enumerate(rows) if row is None]
        if self._num_rows + len(missing) > MAX_WORDS or self._num_tokens > MAX_TOKENS:
            self._clear()
            rows = list(map(self._rows.get, words))
            missing = [number for number, row in enumerate(rows) if row is None]
        if missing:
            new = [words[number] for number in missing]
            first = self._num_rows
            self._append(new, encode_all(self._library, [word.decode() for word in new]))
            for row, number in enumerate(missing, start=first):
                rows[number] = row
        return np.array(rows, np.int64), self._places, self._counts, self._tokens

    def _append(self, words: list[bytes], tokens: list[list[int]]) -> None:
        sizes = np.fromiter(map(len, tokens), np.int64, len(tokens))
        total, first = int(sizes.sum()), self._num_rows
        self._places = _with_room(self._places, first + len(words))
        self._counts = _with_room(self._counts, first + len(words))
        self._tokens = _with_room(self._tokens, self._num_tokens + total)
        self._places[first : first + len(words)] = self._num_tokens + np.cumsum(sizes) - sizes
        self._counts[first : first + len(words)] = sizes
        flat = np.fromiter(chain.from_iterable(tokens), np.uint32, total)
        self._tokens[self._num_tokens : self._num_tokens + total] = flat
        self._num_rows, self._num_tokens = first + len(words), self._num_tokens + total
        self._rows.update(
            (word, row) for row, word in enumerate(words, start=first) if len(word) <= LONG_WORD
        )


def _with_room(array: Column, size: int) -> Column:
    """The array, or one of at least twice its length that begins with it, where it has less than `size`."""
    if size <= len(array):
        return array
    longer = np.zeros(max(size, 2 * len(array)), array.dtype)
    longer[: len(array)] = array
    return longer
