"""Compression of a response: which one the client accepts, and the stream of compressed bytes."""

import zlib
from typing import Protocol

import pyarrow as pa

ENCODINGS = ("zstd", "gzip")  # the better first
GZIP_LEVEL = 1  # the higher ones are slower than any network that one would compress for
GZIP_FORMAT = 31  # zlib's word for a window of 32 KiB and gzip's header


class Compressor(Protocol):
    """Bytes go in, and what comes out can be decoded at once."""

    def encode(self, data: memoryview) -> memoryview:
        """The compressed bytes of `data`, all of them."""

    def end(self) -> memoryview:
        """What ends the compressed bytes."""


class Gzip:
    """One gzip member."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_FORMAT)

    def encode(self, data: memoryview) -> memoryview:
        # Without the flush a client would wait for lines that lie in the compressor, on a continuous stream
        # for hours. It costs a few bytes a chunk (zlib's manual, Z_SYNC_FLUSH).
        return memoryview(self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH))

    def end(self) -> memoryview:
        return memoryview(self._stream.flush())


class Zstd:
    """One zstd frame."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._stream = pa.CompressedOutputStream(pa.PythonFile(self._sink, mode="w"), "zstd")

    def encode(self, data: memoryview) -> memoryview:
        self._stream.write(data)
        self._stream.flush()
        return self._sink.take()

    def end(self) -> memoryview:
        self._stream.close()
        return self._sink.take()


class _Sink:
    """Keeps what is written until it is taken."""

    # Asked for by pyarrow's PythonFile, which takes this for a file.
    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """What is written is there already."""

    def close(self) -> None:
        self.closed = True

    def take(self) -> memoryview:
        taken = b"".join(self._parts)
        self._parts.clear()
        return memoryview(taken)


def open_encoder(name: str) -> Compressor | None:
    """The encoder of a name that `negotiate` gave; None for identity."""
    if name == "zstd":
        return Zstd()
    return Gzip() if name == "gzip" else None


def negotiate(accepted: str) -> str:
    """What to compress with, for an Accept-Encoding header (RFC 9110, 12.5.3): zstd, gzip, or "" for not at all.

    Of what the client likes equally well zstd goes before gzip. `*` alone does not ask for compression, and one that
    is liked less than identity is not used.
    """
    qualities: dict[str, float] = {}
    for item in accepted.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        qualities[{"x-gzip": "gzip"}.get(name, name)] = _quality(parameters)
    # `max` keeps the first of equals, so the order of ENCODINGS is the preference.
    best = max(ENCODINGS, key=lambda name: qualities.get(name, 0.0))
    quality = qualities.get(best, 0.0)
    return best if quality > 0 and quality >= qualities.get("identity", 0.0) else ""


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
