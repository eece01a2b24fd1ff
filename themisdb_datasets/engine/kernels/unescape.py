"""JSON strings' escapes written out for a whole column at once, with numpy and without a Python object a string."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from themisdb_datasets.vectors import Bytes, Ints

PIECE_BYTES = 512 << 10  # stays in the processor's cache
BACKSLASH = 0x5C
MEANING = np.arange(256, dtype=np.uint8)  # of the character after a backslash: itself, but for these
for _letter, _meant in zip(b"bfnrt", b"\b\f\n\r\t", strict=True):
    MEANING[_letter] = _meant
STAND_IN = 0xFF  # for a backslash that is meant, while all others are taken out: no byte of UTF-8
SIMPLE = MEANING.copy()
SIMPLE[BACKSLASH] = STAND_IN
HEX = np.zeros(256, np.int64)
for _digit in b"0123456789abcdefABCDEF":
    HEX[_digit] = int(chr(_digit), 16)


def unescaped(texts: pa.Array, *, within_json: bool = False) -> pa.Array:
    r"""The string array `texts`, the insides of valid JSON strings, without escapes; NULL stays NULL.

    `within_json`: the texts are JSON themselves. Only \uXXXX is written out as UTF-8, and only where JSON allows that
    (not a quote, a backslash or a control character); all other bytes stay as they are spelled.
    """
    # A slice of an array shares its buffers: its own strings begin at `offset`, and its bytes not at 0.
    bounds = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * 4).astype(np.int64)
    buffer = texts.buffers()[2]
    data = np.frombuffer(buffer, np.uint8) if buffer is not None else np.empty(0, np.uint8)
    # Escapes only ever get shorter, so what is written fits.
    written = np.empty(bounds[-1] - bounds[0], np.uint8)
    moved = np.zeros(len(bounds), np.int32)
    first = place = 0
    while first < len(texts):
        # Whole strings, so that no escape is cut.
        last = int(np.searchsorted(bounds, bounds[first] + PIECE_BYTES, side="right")) - 1
        last = max(last, first + 1)
        some = slice(first + 1, last + 1)
        piece, ends = _piece(data[bounds[first] : bounds[last]], bounds[some] - bounds[first], within_json)
        written[place : place + len(piece)] = piece
        moved[some] = ends + place
        first, place = last, place + len(piece)
    # Nothing became shorter: there was nothing to write out.
    if place == len(written):
        return texts
    valid = texts.is_valid().buffers()[1] if texts.null_count else None
    return pa.Array.from_buffers(
        pa.string(), len(texts), [valid, pa.py_buffer(moved), pa.py_buffer(written[:place])]
    )


def _piece(data: Bytes, ends: Ints, within_json: bool) -> tuple[Bytes, Ints]:
    """`data` without escapes, and where its strings end then."""
    starts = escape_starts(np.flatnonzero(data == BACKSLASH))
    if not len(starts):
        return data, ends
    letters = data.take(starts + 1)
    is_unicode = letters == ord("u")
    if not is_unicode.any():
        return (data, ends) if within_json else _simple(data, ends, starts, letters)
    data, keep = data.copy(), np.ones(len(data), bool)
    removed = np.zeros(len(starts), np.int64)
    if not within_json:
        simple = starts[~is_unicode]
        data[simple + 1] = MEANING[letters[~is_unicode]]
        keep[simple] = False
        removed[~is_unicode] = 1
    removed[is_unicode] = _write_out(data, keep, starts[is_unicode], within_json)
    # A string ends earlier by all that was removed before its end.
    before = np.concatenate(([0], np.cumsum(removed)))
    return data[keep], ends - before[np.searchsorted(starts, ends)]


def _simple(data: Bytes, ends: Ints, starts: Ints, letters: Bytes) -> tuple[Bytes, Ints]:
    """The same where each escape is a backslash and one of these letters."""
    text = bytearray(data)
    np.frombuffer(text, np.uint8)[starts + 1] = SIMPLE.take(letters)
    # Quicker than a mask as long as backslashes are some way apart.
    piece = np.frombuffer(text.replace(b"\\", b""), np.uint8)
    meant = np.flatnonzero(letters == BACKSLASH)
    piece[starts[meant] - meant] = BACKSLASH
    return piece, ends - np.searchsorted(starts, ends)


def _write_out(data: Bytes, keep: npt.NDArray[np.bool_], starts: Ints, within_json: bool) -> Ints:
    """Put the UTF-8 of each \\u escape in its place in `data`; how many bytes each gives up is returned."""
    # [escapes, 4]: the four digits behind each \u.
    digits = HEX[data[starts[:, None] + np.arange(2, 6)]]
    codes = digits @ np.array([4096, 256, 16, 1])
    high, low = (codes & 0xFC00) == 0xD800, (codes & 0xFC00) == 0xDC00
    size = np.full(len(starts), 6)
    size[high], size[low] = 12, 0  # valid JSON has a low one right after each high one, and nowhere else
    followers = np.flatnonzero(high) + 1
    # A pair of surrogates is one character beyond the first 65,536 (RFC 8259, section 7; RFC 2781, section
    # 2.2).
    codes[high] = 0x10000 + ((codes[high] & 0x3FF) << 10) + (codes[followers] & 0x3FF)
    stay = np.zeros(len(starts), bool)
    if within_json:
        stay = (codes < 0x20) | (codes == ord('"')) | (codes == BACKSLASH)
    width = 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000)
    for num in (1, 2, 3, 4):
        mine = np.flatnonzero(~low & ~stay & (width == num))
        if not len(mine):
            continue
        at, code = starts[mine], codes[mine]
        keep[(at[:, None] + np.arange(6)).ravel()] = False
        if num == 4:
            keep[(at[:, None] + np.arange(6, 12)).ravel()] = False
        for i in range(num):
            bits = code >> (6 * (num - 1 - i))
            # The bytes of UTF-8 (RFC 3629, section 3): the first one tells by its leading ones how many there
            # are, all others begin with 10.
            lead = bits if num == 1 else bits | (0xF00 >> num) & 0xFF if i == 0 else (bits & 0x3F) | 0x80
            data[at + i] = lead
            keep[at + i] = True
    given: Ints = np.where(low | stay, 0, size - width)
    return given


def escape_starts(backslashes: Ints) -> Ints:
    """Of the places of all backslashes those that begin an escape: every other one of each run."""
    followers = np.flatnonzero(backslashes[1:] - backslashes[:-1] == 1) + 1
    if not len(followers):
        return backslashes
    begins = np.ones(len(followers), bool)  # the second backslash of a run
    np.not_equal(followers[1:] - followers[:-1], 1, out=begins[1:])
    order = np.arange(len(followers))
    # For each follower where its run begins; at an even distance from there it is what the backslash before
    # it escapes.
    begun = np.maximum.accumulate(np.where(begins, order, 0))
    keep = np.ones(len(backslashes), bool)
    keep[followers[(order - begun) & 1 == 0]] = False
    starts: Ints = backslashes[keep]
    return starts
