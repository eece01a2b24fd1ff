"""Where the words of texts begin, as the pre-tokenizers of `tokenizers` part them, for millions of words at once.

`ByteLevel` has the pattern of GPT-2 (https://github.com/openai/gpt-2/blob/master/src/encoder.py):

    's|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+

`Whitespace` has \\w+|[^\\w\\s]+ and `WhitespaceSplit` \\S+; spaces are words here that have no tokens. What is a letter,
a number or a space is asked of `tokenizers` itself, once a character, so that no two tables of Unicode can differ.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from tokenizers.pre_tokenizers import ByteLevel, PreTokenizer, Whitespace, WhitespaceSplit

from themisdb_datasets.vectors import Bytes, Ints, Mask

SEPARATOR = 0xFF  # a byte that UTF-8 never has: it ends a text, and is a word by itself
UNKNOWN, LETTER, NUMBER, OTHER, SPACE, BETWEEN = range(6)
NUM_CHARACTERS = 0x110000
ASCII = 128
BLANK, APOSTROPHE = ord(" "), ord("'")


class WordFinder(Protocol):
    """Parts texts into words. What it learns about characters only grows, so threads may share one."""

    def starts(self, data: Bytes) -> Ints:
        """The byte that each word of `data` begins at: texts in UTF-8, with a SEPARATOR after each."""
        ...


class GptWords:
    """Words as `ByteLevel` parts them."""

    def __init__(self) -> None:
        library = ByteLevel(add_prefix_space=False, use_regex=True)

        def ask(character: str) -> int:
            """With which neighbour it is one word."""
            for kind, neighbour in ((LETTER, "a"), (NUMBER, "1"), (OTHER, "!")):
                if len(library.pre_tokenize_str(neighbour + character)) == 1:
                    return kind
            return SPACE

        self._kinds = Kinds(ask)

    def starts(self, data: Bytes) -> Ints:
        kinds = self._kinds.of(data)
        begins = _changes(kinds)
        runs = np.flatnonzero(begins)
        of_run = kinds[runs]
        _give_blanks(data, runs, of_run, begins)
        _join_contractions(data, runs, of_run, begins)
        return np.flatnonzero(begins)


class SpacedWords:
    """Words as `Whitespace` or `WhitespaceSplit` parts them."""

    def __init__(self, library: Whitespace | WhitespaceSplit) -> None:
        def ask(character: str) -> int:
            """With which neighbour it is one word; after either of them where the two are one."""
            for kind, neighbour in ((LETTER, "a"), (OTHER, "!")):
                if [word for word, _ in library.pre_tokenize_str(neighbour + character)] == [
                    neighbour + character
                ]:
                    return kind
            return SPACE

        self._kinds = Kinds(ask)

    def starts(self, data: Bytes) -> Ints:
        return np.flatnonzero(_changes(self._kinds.of(data)))


class Kinds:
    """The kinds of characters, of which each is asked for once."""

    def __init__(self, ask: Callable[[str], int]) -> None:
        self._ask = ask
        self._characters = np.zeros(NUM_CHARACTERS, np.uint8)
        self._bytes = np.zeros(256, np.uint8)
        self._bytes[:ASCII] = [ask(chr(code)) for code in range(ASCII)]
        self._bytes[SEPARATOR] = BETWEEN

    def of(self, data: Bytes) -> Bytes:
        """The kind of each byte: that of its character."""
        kinds = self._bytes[data]
        leads = np.flatnonzero((data >= 0xC0) & (data != SEPARATOR))
        if not len(leads):
            return kinds
        # As many leading ones as the character has bytes (RFC 3629, section 3), of which each further one
        # adds six bits.
        lead = data[leads]
        width = 2 + (lead >= 0xE0).astype(np.int64) + (lead >= 0xF0)
        codes = (lead & (0x7F >> width)).astype(np.int64)
        for number in (1, 2, 3):
            longer = np.flatnonzero(width > number)
            codes[longer] = codes[longer] << 6 | data[leads[longer] + number] & 0x3F
        found = self._characters[codes]
        # 0 is UNKNOWN. Two threads may ask for the same character at once; both write the same.
        if not found.all():
            for code in np.unique(codes[found == UNKNOWN]).tolist():
                self._characters[code] = self._ask(chr(code))
            found = self._characters[codes]
        kinds[leads] = found
        for number in (1, 2, 3):
            longer = np.flatnonzero(width > number)
            kinds[leads[longer] + number] = found[longer]
        return kinds


def _changes(kinds: Bytes) -> Mask:
    """Where a character is of another kind than the one before; every SEPARATOR stands alone."""
    begins = np.ones(len(kinds), np.bool_)
    np.not_equal(kinds[1:], kinds[:-1], out=begins[1:])
    begins |= kinds == BETWEEN
    return begins


def _give_blanks(data: Bytes, runs: Ints, kinds: Bytes, begins: Mask) -> None:
    """The last of several spaces before a word is a word itself, or goes to that one where it is a blank."""
    # \s+(?!\S) leaves the last space of a run to what follows, and " ?" takes it only where it is a blank;
    # before the end of the text, a SEPARATOR, the run stays whole.
    spaces = np.flatnonzero(kinds[:-1] == SPACE)
    spaces = spaces[kinds[spaces + 1] != BETWEEN]
    following = runs[spaces + 1]
    last = following - 1
    while (inside := data[last] & 0xC0 == 0x80).any():  # to the first byte of the character
        last = last - inside
    begins[last] = True
    begins[following[data[last] == BLANK]] = False


def _join_contractions(data: Bytes, runs: Ints, kinds: Bytes, begins: Mask) -> None:
    """An apostrophe that a word begins with, alone, takes s, t, m, d, re, ve or ll from the letters after it."""
    found = np.flatnonzero((kinds[:-1] == OTHER) & (data[runs[:-1]] == APOSTROPHE) & (kinds[1:] == LETTER))
    # One that a blank has gone to is no beginning, and so no contraction: the pattern tries those first, but
    # only where a word begins.
    found = found[(runs[found + 1] - runs[found] == 1) & begins[runs[found]]]
    place = runs[found]
    if not len(place):
        return
    # There is a SEPARATOR at least behind the last letter.
    first, second = data[place + 1], data[np.minimum(place + 2, len(data) - 1)]
    one = np.isin(first, list(b"stmd"))
    two = (second == ord("e")) & np.isin(first, list(b"rv")) | (first == ord("l")) & (second == ord("l"))
    begins[place[one | two] + 1] = False
    ends = np.concatenate([place[one] + 2, place[two] + 3])
    begins[ends] = True


@dataclass(frozen=True)
class Pattern:
    """How texts are parted into words, and what a word by itself goes through before the model has it."""

    finder: WordFinder
    alone: PreTokenizer
    begins_blank: bool = False  # a text that begins with no blank gets one


def pattern_of(document: Mapping[str, Any]) -> Pattern | None:
    """The pattern of a tokenizer.json, if a text's tokens are those of its words: as they are, parted in a way we know."""
    known = document.get("pre_tokenizer")
    if isinstance(known, dict) and known.get("type") == "Sequence" and len(known["pretokenizers"]) == 1:
        known = known["pretokenizers"][0]
    if not isinstance(known, dict) or document.get("normalizer") is not None:
        return None
    match known.get("type"):
        # What is not said is true, as `tokenizers` takes it.
        case "ByteLevel" if known.get("use_regex", True):
            alone = ByteLevel(add_prefix_space=False, use_regex=False)
            return Pattern(GptWords(), alone, bool(known.get("add_prefix_space", True)))
        case "Whitespace":
            return Pattern(SpacedWords(Whitespace()), Whitespace())
        case "WhitespaceSplit":
            return Pattern(SpacedWords(WhitespaceSplit()), WhitespaceSplit())
    return None
