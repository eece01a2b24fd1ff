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

from themisdb_datasets.engine.indexes.tokenizer import Tokenizer, encode_all
from themisdb_datasets.engine.kernels.words import SEPARATOR, Pattern, pattern_of
from themisdb_datasets.vectors import Ints

TokenIds = npt.NDArray[np.uint32]
Vector = TypeVar("Vector", Ints, TokenIds)

END = bytes([SEPARATOR])
MAX_WORDS = 1 << 19  # remembered, and their tokens; then it begins anew
MAX_TOKENS = 1 << 22
LONG_WORD = 256  # bytes; what is longer is not likely to come again


@dataclass(frozen=True)
class Encoded:
    """The tokens of some texts one after the other, and where each text ends among them."""

    tokens: TokenIds
    ends: Ints


class TextEncoder:
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
        # Stretches of neighbours that are encoded alike, so that the texts stay in their order.
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
        # No longer UTF-8, hence binary: all texts in one buffer, each with the byte that no text holds behind
        # it.
        ended = pc.binary_join_element_wise(texts.cast(pa.binary()), b"", END)
        bounds = np.frombuffer(ended.buffers()[1], np.int32, len(ended) + 1, ended.offset * 4)
        data = np.frombuffer(ended.buffers()[2] or b"", np.uint8)[bounds[0] : bounds[-1]]
        return self._words.encode(data)


class WordTable:
    """Encodes texts word by word, and each word once."""

    def __init__(self, tokenizer: Tokenizer, pattern: Pattern, after: tuple[int, ...]) -> None:
        self._library = Library(tokenizer.library.model)
        self._library.pre_tokenizer = pattern.alone
        self._after = list(after)
        self._finder = pattern.finder
        self._known = KnownWords(self._after)

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
        places, counts, tokens = self._look_up(words.dictionary.to_pylist())
        place, count = places[which], counts[which]
        ends = np.cumsum(count)
        # Word i has its tokens at place[i] of the table and at ends[i] - count[i] of the result: the
        # difference, repeated for each of them, moves every token of the result to its source, with no loop
        # over words.
        found = tokens[np.arange(ends[-1]) + np.repeat(place - (ends - count), count)]
        return Encoded(found, ends[data[starts] == SEPARATOR])

    def _look_up(self, words: list[bytes]) -> tuple[Ints, Ints, TokenIds]:
        """Where the tokens of each word begin among all tokens, how many they are, and all tokens."""
        known = self._known
        if known.is_full:  # who has begun with it goes on with it
            known = self._known = KnownWords(self._after)
        rows = known.rows_of(words)
        missing = [number for number, row in enumerate(rows) if row is None]
        if missing:
            new = [words[number] for number in missing]
            first = known.add(new, encode_all(self._library, [word.decode() for word in new]))
            for row, number in enumerate(missing, start=first):
                rows[number] = row
        # Taken after the rows, for columns only grow: whatever row was found is in them.
        places, counts, tokens = known.columns
        chosen = np.array(rows, np.int64)
        return places[chosen], counts[chosen], tokens


class KnownWords:
    """The tokens of words that have come. It only grows, so that one thread may read while another adds.

    Two that add the same word at once give it two rows, which are alike.
    """

    def __init__(self, after: list[int]) -> None:
        self._lock = threading.Lock()
        self._rows: dict[bytes, int] = {}
        # For each row where its tokens begin and how many they are; and all tokens.
        self.columns = np.zeros(1024, np.int64), np.zeros(1024, np.int64), np.zeros(4096, np.uint32)
        self._num_rows = self._num_tokens = 0
        self.add([END], [after])  # the end of a text is a word too: the tokens behind each

    @property
    def is_full(self) -> bool:
        return self._num_rows > MAX_WORDS or self._num_tokens > MAX_TOKENS

    def rows_of(self, words: list[bytes]) -> list[int | None]:
        """The row of each word that is known."""
        return list(map(self._rows.get, words))

    def add(self, words: list[bytes], found: list[list[int]]) -> int:
        """Add words with their tokens; answers the first one's row, which the others follow."""
        sizes = np.fromiter(map(len, found), np.int64, len(found))
        flat = np.fromiter(chain.from_iterable(found), np.uint32, int(sizes.sum()))
        with self._lock:
            first, begin = self._num_rows, self._num_tokens
            last, end = first + len(words), begin + len(flat)
            places, counts, tokens = self.columns
            places, counts = _with_room(places, last), _with_room(counts, last)
            tokens = _with_room(tokens, end)
            places[first:last] = begin + np.cumsum(sizes) - sizes
            counts[first:last] = sizes
            tokens[begin:end] = flat
            self.columns = places, counts, tokens
            self._num_rows, self._num_tokens = last, end
            # Last, for who finds a row looks into the columns at once.
            numbered = enumerate(words, start=first)
            self._rows.update((word, row) for row, word in numbered if len(word) <= LONG_WORD)
        return first


def _with_room(array: Vector, size: int) -> Vector:
    """The array, or one of at least twice its length that begins with it, where it has less than `size`."""
    if size <= len(array):
        return array
    longer = np.zeros(max(size, 2 * len(array)), array.dtype)
    longer[: len(array)] = array
    return longer
