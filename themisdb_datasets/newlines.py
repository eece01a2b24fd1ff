"""Line ends at the speed of memory."""

import numpy as np
import numpy.typing as npt

from themisdb_datasets.vectors import Bytes, Ints

WORD = 8  # bytes that are looked at together
MANTISSA, BIAS = 52, 1023  # of a double


class Newlines:
    """Finds the LFs in at most `size` bytes at a time, in memory that it keeps: each thread needs its own.

    All bytes are compared with a LF at once; then only those 8-byte words are looked at that hold one. Where no word
    holds two, which byte it is can be read off the word's exponent as a floating-point number.
    """

    def __init__(self, size: int) -> None:
        self._mask = np.zeros(-(-size // WORD) * WORD, np.bool_)
        self._words = self._mask.view(np.uint64)
        self._hit = np.empty(len(self._words), np.bool_)

    def places(self, data: Bytes) -> Ints:
        """Where the LFs in `data` are."""
        num_words = -(-len(data) // WORD)
        # The mask is kept from call to call: what is left of a longer piece has to be wiped out up to a whole
        # word.
        np.equal(data, ord("\n"), out=self._mask[: len(data)])
        self._mask[len(data) : num_words * WORD] = False
        places = np.flatnonzero(np.not_equal(self._words[:num_words], 0, out=self._hit[:num_words]))
        held = self._words[places]
        # x & (x - 1) takes the lowest bit away, and something is left where there are two.
        if (held & (held - np.uint64(1))).any():  # two in a word
            row, byte = np.nonzero(held.view(np.uint8).reshape(-1, WORD))
            found: Ints = places[row] * WORD + byte
            return found
        places <<= 3
        places += _bytes_held(held)
        return places


def _bytes_held(words: npt.NDArray[np.uint64]) -> Ints:
    """Which byte of each word is 1, where all others are 0: the word is 2^(8 k), whose exponent is 8 k + 1023."""
    held = words.astype(np.float64).view(np.int64)
    # The exponent, 8 k + 1023, plus 1 is 8 (k + 128): divided by 8 and less 128 it is k.
    held += 1 << MANTISSA
    held >>= MANTISSA + 3
    held -= (BIAS + 1) >> 3
    return held
