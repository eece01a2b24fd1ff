"""Where samples come from: JSONL files, plain or compressed, as a stream of bytes."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from themisdb_datasets.errors import ImpossibleError, MalformedError

CHUNK_BYTES = 1 << 20
SUFFIXES = (".jsonl", ".ndjson")
CODECS = {"": None, ".gz": "gzip", ".zst": "zstd"}


class Source:
    """A file read once from its start; `done` of `total` bytes of the file (compressed, if it is) have been consumed."""

    def __init__(self, path: Path, *, codec: str | None, name: str) -> None:
        self.path = path
        self.codec = codec
        self.name = name
        self.total = path.stat().st_size
        self.done = 0

    def chunks(self) -> Iterator[bytes]:
        """The decompressed content in chunks of at most 1 MiB. A damaged or cut-off archive: MalformedError."""
        if self.codec is None:
            yield from self._plain()
        elif self.total == 0:
            raise MalformedError(
                f"{self.name} is empty: not even the header of an archive is there. Upload it again."
            )
        else:
            yield from self._decompressed(self.codec)

    def _plain(self) -> Iterator[bytes]:
        with self.path.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK_BYTES):
                self.done += len(chunk)
                yield chunk

    def _decompressed(self, codec: str) -> Iterator[bytes]:
        # Arrow's stream goes on through all members of a gzip file and all frames of a zstd file, checks their
        # checksums, and refuses one that stops early.
        with pa.OSFile(str(self.path), "rb") as file, pa.CompressedInputStream(file, codec) as stream:
            while True:
                try:
                    chunk = stream.read(CHUNK_BYTES)
                except OSError as error:
                    raise self._damaged(error) from error
                if not chunk:
                    break
                self.done = file.tell()
                yield chunk
        self.done = self.total

    def _damaged(self, error: OSError) -> MalformedError:
        kind = {"gzip": "gzip", "zstd": "Zstandard"}[self.codec or "gzip"]
        detail = str(error)
        if "runcated" in detail:
            return MalformedError(
                f"{self.name} ends in the middle of its {kind} data: the file was cut off. Upload it again.",
                code="truncated_archive",
            )
        if "too much memory" in detail or "window" in detail.lower():
            return MalformedError(
                f"{self.name} was compressed with a window larger than 128 MB. Compress it without --long.",
                code="corrupt_archive",
            )
        return MalformedError(
            f"{self.name} is not readable as {kind} ({detail}). Check that its suffix is right and upload it again.",
            code="corrupt_archive",
        )


def codec_of(name: str) -> str | None:
    """How a file of this name is compressed: gzip, zstd or None. An unknown suffix: ImpossibleError."""
    lowered = name.lower()
    for ending, codec in CODECS.items():
        for suffix in SUFFIXES:
            if lowered.endswith(suffix + ending):
                return codec
    raise ImpossibleError(
        f"{name} has an unknown suffix. Give a file with one JSON object a line, named"
        " .jsonl or .ndjson, plain or compressed as .gz or .zst.",
        code="unknown_suffix",
    )


def open_source(path: Path, name: str) -> Source:
    """The source in the file at `path`, read as the suffix of `name` says. An unknown suffix: ImpossibleError."""
    return Source(path, codec=codec_of(name), name=name)
