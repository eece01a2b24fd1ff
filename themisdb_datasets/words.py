"""Where the words of texts begin, by the byte-level pattern of GPT-2, for millions of them at once.

https://github.com/openai/gpt-2/blob/master/src/encoder.py has the pattern; `tokenizers` calls it ByteLevel:

    's|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+

What is a letter, a number or a space is asked of `tokenizers` itself, once a character, so that no two tables of
Unicode can differ.
"""

import numpy as np
import numpy.typing as npt
from tokenizers.pre_tokenizers import ByteLevel

from themisdb_datasets.fields import Bytes, Ints

SEPARATOR = 0xFF  # a byte that UTF-8 never has: it ends a text, and is a word by itself
UNKNOWN, LETTER, NUMBER, OTHER, SPACE, BETWEEN = range(6)
NUM_CHARACTERS = 0x110000
ASCII = 128
BLANK, APOSTROPHE = ord(" "), ord("'")
Mask = npt.NDArray[np.bool_]


class WordFinder:
    """Parts texts into words. What it learns about characters only grows, so threads may share one."""

    def __init__(self) -> None:
        self._asked = ByteLevel(add_prefix_space=False, use_regex=True)
        self._kinds = np.zeros(NUM_CHARACTERS, np.uint8)
        self._bytes = np.zeros(256, np.uint8)
        self._bytes[:ASCII] = [self._ask(chr(code)) for code in range(ASCII)]
        self._bytes[SEPARATOR] = BETWEEN

    def starts(self, data: Bytes) -> Ints:
        """The byte that each word of `data` begins at: texts in UTF-8, with a SEPARATOR after each."""
        kinds = self._of_bytes(data)
        begins = np.ones(len(data), np.bool_)
        np.not_equal(kinds[1:], kinds[:-1], out=begins[1:])
        begins |= kinds == BETWEEN
        runs = np.flatnonzero(begins)
        of_run = kinds[runs]
        _give_blanks(data, runs, of_run, begins)
        _join_contractions(data, runs, of_run, begins)
        return np.flatnonzero(begins)

    def _of_bytes(self, data: Bytes) -> Bytes:
        """The kind of each byte: that of its character."""
        kinds = self._bytes[data]
        leads = np.flatnonzero((data >= 0xC0) & (data != SEPARATOR))
        if not len(leads):
            return kinds
        lead = data[leads]
        width = 2 + (lead >= 0xE0).astype(np.int64) + (lead >= 0xF0)
        codes = (lead & (0x7F >> width)).astype(np.int64)
        for number in (1, 2, 3):
            longer = np.flatnonzero(width > number)
            codes[longer] = codes[longer] << 6 | data[leads[longer] + number] & 0x3F
        found = self._kinds[codes]
        if not found.all():
            for code in np.unique(codes[found == UNKNOWN]).tolist():
                self._kinds[code] = self._ask(chr(code))
            found = self._kinds[codes]
        kinds[leads] = found
        for number in (1, 2, 3):
            longer = np.flatnonzero(width > number)
            kinds[leads[longer] + number] = found[longer]
        return kinds

    def _ask(self, character: str) -> int:
        """With which neighbour it is one word."""
        for kind, neighbour in ((LETTER, "a"), (NUMBER, "1"), (OTHER, "!")):
            if len(self._asked.pre_tokenize_str(neighbour + character)) == 1:
                return kind
        return SPACE


def _give_blanks(data: Bytes, runs: Ints, kinds: Bytes, begins: Mask) -> None:
    """The last of several spaces before a word is a word itself, or goes to that one where it is a blank."""
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
