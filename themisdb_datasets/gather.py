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

VIEW = np.dtype([("length", "<i4"), ("prefix", "<i4"), ("buffer", "<i4"), ("offset", "<i4")])
INLINE = 12  # Arrow: a view of at most 12 bytes carries them inside itself

Views = npt.NDArray[np.void]


def inline_views(texts: Sequence[bytes]) -> Views:
    """Views [len(texts)] that carry their own bytes, at most 12 each."""
    views = np.zeros(len(texts), VIEW)
    raw = views.view(np.uint8).reshape(-1, VIEW.itemsize)
    for i, text in enumerate(texts):
        if len(text) > INLINE:
            raise ValueError(f"{len(text)} bytes do not fit into a view")
        views["length"][i] = len(text)
        raw[i, 4 : 4 + len(text)] = np.frombuffer(text, np.uint8)
    return views


def gather(views: Views, buffers: Sequence[pa.Buffer], *, inlined: bool = False) -> memoryview:
    """All pieces of `views` (any shape, in C order) joined, as one read-only buffer.

    Views of at most 12 bytes still name their buffer and offset, unless `inlined` says that they carry their bytes.
    Bounds are always checked first, for a stale span would read foreign memory: CorruptError.
    """
    flat = np.ascontiguousarray(views).reshape(-1)
    if not inlined:
        inline_short(flat, buffers)
    _check(flat, buffers)
    array = pa.Array.from_buffers(pa.binary_view(), len(flat), [None, pa.py_buffer(flat), *buffers])
    joined = array.cast(pa.large_binary())
    bounds = np.frombuffer(joined.buffers()[1], np.int64, len(joined) + 1, joined.offset * 8)
    data = joined.buffers()[2]
    if data is None:
        return memoryview(b"")
    return memoryview(data)[int(bounds[0]) : int(bounds[-1])]


def inline_short(views: Views, buffers: Sequence[pa.Buffer]) -> None:
    """Copy the bytes of pieces of 1 to 12 bytes into their views, in place; `views` is one-dimensional."""
    length = views["length"]
    short = np.flatnonzero((length <= INLINE) & (length > 0))
    if not len(short):
        return
    part = views[short]
    raw = views.view(np.uint8).reshape(-1, VIEW.itemsize)
    reach = np.arange(INLINE)
    for number in np.unique(part["buffer"]).tolist():
        mine = np.flatnonzero(part["buffer"] == number)
        data = np.frombuffer(buffers[number], np.uint8)
        offset, size = part["offset"][mine].astype(np.int64), part["length"][mine]
        if (offset < 0).any() or (offset + size > len(data)).any():
            raise _stale()
        # Twelve bytes are read for every piece, at most to the end of the file; what is beyond a piece is blanked.
        taken = data[np.minimum(offset[:, None] + reach, len(data) - 1)]
        taken[reach >= size[:, None]] = 0
        raw[short[mine], 4:] = taken


def _check(views: Views, buffers: Sequence[pa.Buffer]) -> None:
    sizes = np.array([buffer.size for buffer in buffers], np.int64)
    length = views["length"]
    if (length < 0).any():
        raise _stale()
    long = length > INLINE
    number, offset = views["buffer"][long], views["offset"][long].astype(np.int64)
    if not len(number):
        return
    if number.min() < 0 or number.max() >= len(sizes) or offset.min() < 0:
        raise _stale()
    if (offset + length[long] > sizes[number]).any():
        raise _stale()


def _stale() -> CorruptError:
    return CorruptError("A span lies outside its file: the index does not belong to these samples.")
