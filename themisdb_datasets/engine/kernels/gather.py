"""The hot kernel: byte spans of memory-mapped files joined into one buffer by a single Arrow cast.

A piece of output is an Arrow binary view (16 bytes: int32 length, then either up to 12 bytes of data, or a 4-byte
prefix, int32 buffer number and int32 offset). Casting an array of views to `large_binary` copies all pieces end to
end in C++, without the GIL. https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-view-layout
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from themisdb_datasets.errors import CorruptError
from themisdb_datasets.vectors import Ints, Words

VIEW = np.dtype([("length", "<i4"), ("prefix", "<i4"), ("buffer", "<i4"), ("offset", "<i4")])
INLINE = 12  # Arrow: a view of at most 12 bytes carries them inside itself
MAX_BUFFER = 2**31 - 1  # bytes that an offset can reach
LOW = np.uint64(2**32 - 1)
HIGH = np.uint64(32)  # how far the upper half of a word is shifted
CARRYING = np.dtype([("length", "<i4"), ("bytes", f"V{INLINE}")])
# By the size of a piece, which bits of the two words of its view are its length and its own bytes.
_OWN = np.array([divmod(2 ** (32 + 8 * size) - 1, 2**64)[::-1] for size in range(INLINE + 1)], np.uint64)

Views = npt.NDArray[np.void]
# A view as two little-endian words: length and prefix, buffer and offset; numpy is much faster with these than with
# the members of a record.


def inline_words(texts: Sequence[bytes]) -> Words:
    """Views [len(texts), 2] that carry their own bytes, at most 12 each."""
    for text in texts:
        if len(text) > INLINE:
            raise ValueError(f"{len(text)} bytes do not fit into a view")
    raw = b"".join(len(text).to_bytes(4, "little") + text.ljust(INLINE, b"\0") for text in texts)
    return np.frombuffer(raw, "<u8").reshape(-1, 2)


def gather(views: Views | Words, buffers: Sequence[pa.Buffer], *, inlined: bool = False) -> memoryview:
    """All pieces of `views` (records, or words [..., 2], in C order) joined, as one read-only buffer.

    Views of at most 12 bytes still name their buffer and offset, unless `inlined` says that they carry their bytes.
    Bounds are always checked first, for a stale span would read foreign memory: CorruptError.
    """
    words = np.ascontiguousarray(views).view(np.uint64).reshape(-1, 2)
    if not inlined:
        _inline_short(words, buffers)
    _check(words, buffers)
    array = pa.Array.from_buffers(pa.binary_view(), len(words), [None, pa.py_buffer(words), *buffers])
    joined = array.cast(pa.large_binary())
    # No bytes object is made of it: what is returned is a view of Arrow's own memory and keeps that alive.
    bounds = np.frombuffer(joined.buffers()[1], np.int64, len(joined) + 1, joined.offset * 8)
    data = joined.buffers()[2]
    if data is None:
        return memoryview(b"")
    return memoryview(data)[int(bounds[0]) : int(bounds[-1])]


def carried(offset: Ints, length: Ints, buffer: pa.Buffer) -> Words:
    """Views [n, 2] that carry the pieces at `offset` of 0 to 12 bytes `length` of one buffer; CorruptError."""
    if (offset < 0).any() or (offset + length > buffer.size).any():
        raise stale()
    views = np.empty(len(offset), CARRYING)
    views["length"] = length
    # Twelve bytes for all, and then those beyond each piece's length masked: Arrow wants them to be zero.
    views["bytes"] = _twelve_bytes(buffer, offset)
    words = views.view(np.uint64).reshape(-1, 2)
    words &= _OWN.take(length, axis=0)
    return words


def _twelve_bytes(buffer: pa.Buffer, offset: Ints) -> Views:
    """The 12 bytes from each offset on, with zeros for what is beyond the end."""
    # Overlapping records, one at every byte, so that numpy copies twelve bytes by one index.
    places = max(buffer.size - INLINE + 1, 0)  # that have 12 bytes
    everywhere: Views = np.ndarray((places,), f"V{INLINE}", buffer, strides=(1,))
    late = offset >= places
    if not late.any():
        return everywhere[offset]
    found = np.empty(len(offset), everywhere.dtype)
    found[~late] = everywhere[offset[~late]]
    # The last eleven bytes with zeros behind them: nothing is read beyond the end of a mapped file, which
    # would kill the process.
    end = bytes(memoryview(buffer)[places:]) + bytes(INLINE)
    found[late] = _twelve_bytes(pa.py_buffer(end), offset[late] - places)
    return found


def _inline_short(words: Words, buffers: Sequence[pa.Buffer]) -> None:
    """Copy the bytes of pieces of 1 to 12 bytes into their views, in place."""
    length = words[:, 0] & LOW
    short = np.flatnonzero((length <= INLINE) & (length > 0))
    if not len(short):
        return
    every = slice(None) if len(short) == len(words) else short  # a slice is quicker
    place, size = words[every, 1], length[every].view(np.int64)
    number, offset = place & LOW, (place >> HIGH).view(np.int64)
    if number.max() >= len(buffers):
        raise stale()
    if len(buffers) == 1:
        words[every] = carried(offset, size, buffers[0])
        return
    for each, buffer in enumerate(buffers):
        mine = np.flatnonzero(number == each)
        words[short[mine]] = carried(offset[mine], size[mine], buffer)


def _check(words: Words, buffers: Sequence[pa.Buffer]) -> None:
    # As unsigned numbers, negative lengths, buffers and offsets are beyond every limit.
    length = words[:, 0] & LOW
    long = np.flatnonzero(length > INLINE)
    if not len(long):
        return
    place = words[long, 1]
    number = place & LOW
    limits = np.array([min(buffer.size, MAX_BUFFER) for buffer in buffers], np.uint64)
    if number.max() >= len(limits) or ((place >> HIGH) + length[long] > limits[number]).any():
        raise stale()


def stale() -> CorruptError:
    """A span that points outside its file."""
    return CorruptError("A span lies outside its file: the index does not belong to these samples.")
