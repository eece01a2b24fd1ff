"""Where samples come from: JSON lines, JSON arrays, CSV and Parquet, plain or compressed, as a stream of JSON lines."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile

import pyarrow as pa

from themisdb_datasets.engine.sources.json_arrays import BREAK, array_lines
from themisdb_datasets.engine.sources.jsonl import MAX_LINE_BYTES, Reject
from themisdb_datasets.engine.sources.tabular import csv_lines, parquet_lines
from themisdb_datasets.engine.sources.unpacking import NO_LIMITS, UnpackingLimits
from themisdb_datasets.errors import ImpossibleError, MalformedError

CHUNK_BYTES = 1 << 20
SUFFIXES = {".jsonl": "lines", ".ndjson": "lines", ".json": "array", ".csv": "csv", ".parquet": "parquet"}
CODECS = {"": None, ".gz": "gzip", ".zst": "zstd"}


class Source:
    """A file read once from its start; `done` of `total` bytes of the file (compressed, if it is) have been consumed."""

    def __init__(
        self,
        path: Path,
        *,
        codec: str | None,
        kind: str = "lines",
        name: str,
        limits: UnpackingLimits = NO_LIMITS,
    ) -> None:
        self.path = path
        self.limits = limits
        self.codec = codec
        self.kind = kind
        self.name = name
        self.total = path.stat().st_size
        self.done = 0

    def lines(self, *, max_line_bytes: int = MAX_LINE_BYTES) -> Iterator[bytes]:
        """The samples as JSON lines, in chunks that may end anywhere; MalformedError, TooLargeError.

        The limits hold for the lines as for what is unpacked: Parquet repeats values, and CSV the names in its header.
        """
        if self.kind == "parquet":
            return self._guarded(self._parquet())
        if self.kind == "csv":
            return self._guarded(csv_lines(self.chunks(), name=self.name, max_chars=2 * max_line_bytes))
        if self.kind == "array":
            return array_lines(self.chunks(), name=self.name, max_bytes=max_line_bytes)
        return self.chunks()

    def told(self, reject: Reject) -> Reject:
        """The same, but a row of a CSV file is not called an array, which it was only made for want of names, and a line
        break within a text of a JSON array is called that, not what stands in its place."""
        if self.kind == "csv" and reject.reason == "not_an_object":
            return replace(reject, message="The row has more or fewer cells than the header.")
        if self.kind == "array":
            control = f"The control character 0x{BREAK:02x} must be written as \\u{BREAK:04x}"
            line_break = "A line break in a text must be written as \\n"
            return replace(reject, message=reject.message.replace(control, line_break))
        return reject

    def _guarded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        return self.limits.guarded(chunks, name=self.name, packed=self.total)

    def _parquet(self) -> Iterator[bytes]:
        """Parquet is read from its end, so a compressed file is unpacked beside the others that are temporary."""
        with ExitStack() as stack:
            path = self.path
            if self.codec is not None:
                unpacked = stack.enter_context(NamedTemporaryFile(suffix=".parquet"))
                for chunk in self.chunks():
                    unpacked.write(chunk)
                unpacked.flush()
                path = Path(unpacked.name)
            yield from parquet_lines(path, name=self.name, report=self._share)
        self.done = self.total

    def _share(self, share: float) -> None:
        self.done = int(self.total * share)

    def chunks(self) -> Iterator[bytes]:
        """The decompressed content in chunks of at most 1 MiB. MalformedError for a damaged archive, TooLargeError."""
        if self.codec is None:
            yield from self._plain()
        elif self.total == 0:
            raise MalformedError(
                f"{self.name} is empty: not even the header of an archive is there. Upload it again."
            )
        else:
            yield from self._guarded(self._decompressed(self.codec))

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
        # Arrow has one error for all of these; its words are all that tells them apart.
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
    return _kind_and_codec(name)[1]


def _kind_and_codec(name: str) -> tuple[str, str | None]:
    lowered = name.lower()
    for ending, codec in CODECS.items():
        for suffix, kind in SUFFIXES.items():
            if lowered.endswith(suffix + ending):
                return kind, codec
    raise ImpossibleError(
        f"{name} has an unknown suffix. Give JSON lines (.jsonl, .ndjson), a JSON array (.json), .csv or .parquet,"
        " plain or compressed as .gz or .zst.",
        code="unknown_suffix",
    )


def open_source(path: Path, name: str, *, limits: UnpackingLimits = NO_LIMITS) -> Source:
    """The source in the file at `path`, read as the suffix of `name` says. An unknown suffix: ImpossibleError."""
    kind, codec = _kind_and_codec(name)
    return Source(path, codec=codec, kind=kind, name=name, limits=limits)
