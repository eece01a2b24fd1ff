"""A delivery as files: its lines plain, compressed or as Parquet, cut at a size, each file with its digest."""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import RawIOBase
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
import pyarrow as pa

from themisdb_datasets.engine.plans.delivery import Chunk, Delivery
from themisdb_datasets.engine.plans.tables import Columns, TableFile, split
from themisdb_datasets.errors import ImpossibleError
from themisdb_datasets.progress import ReportDone

# Each with its media type.
TYPES = {
    "jsonl": "application/x-ndjson",
    "jsonl.gz": "application/gzip",
    "jsonl.zst": "application/zstd",
    "parquet": "application/vnd.apache.parquet",
}
MAX_FILES = 1_000
GZIP_LEVEL = 6
GZIP = 31  # zlib's number for the gzip format; its header has neither name nor time, so equal lines are equal files
BATCH = 4_096
BINS = 20


@dataclass(frozen=True)
class WrittenFile:
    """One file; `num_line_bytes` counts its lines before compression."""

    path: Path
    name: str
    num_samples: int
    num_line_bytes: int
    num_bytes: int
    sha256: str


class Sink(Protocol):
    """A file being written: whole lines in, closed at the end."""

    def write(self, lines: bytes) -> None: ...

    def close(self) -> None: ...


def write_files(
    delivery: Delivery,
    window: range,
    folder: Path,
    *,
    stem: str,
    kind: str,
    max_bytes: int | None,
    report: ReportDone,
) -> tuple[list[WrittenFile], dict[str, Any] | None]:
    """Write the lines of `window` into `folder`; answers the files, and the summary of the lines' weights.

    `max_bytes` limits the lines' bytes before compression, so that the same samples are in the n-th file whatever its
    type; only a line that is longer by itself makes a larger file. `report` is called with the samples done, at least
    every few MB, and may raise to stop. ImpossibleError for more than 1,000 files.
    """
    columns = _columns(delivery, window, report) if kind == "parquet" else None
    weights = WeightSummary() if delivery.plan.form.weight else None
    drafts: list[_Draft] = []
    done = 0
    for lines, fresh in _cut(delivery.chunks(window, batch_size=BATCH), max_bytes):
        if fresh or not drafts:
            _close(drafts)
            drafts.append(_Draft(folder / f"{len(drafts)}.{kind}", kind, columns))
        drafts[-1].write(lines)
        if weights is not None:
            weights.add(lines)
        done += lines.count(b"\n")
        # Parquet reads everything twice, first for the columns' types.
        report(done if columns is None else (len(window) + done) // 2)
    if not drafts:
        drafts.append(_Draft(folder / f"0.{kind}", kind, columns))
    _close(drafts)
    names = [f"{stem}-{number:05}-of-{len(drafts):05}.{kind}" for number in range(1, len(drafts) + 1)]
    files = [draft.written(name) for draft, name in zip(drafts, names, strict=True)]
    if len(files) == 1:
        files = [drafts[0].written(f"{stem}.{kind}")]
    return files, weights.summary() if weights is not None else None


def _columns(delivery: Delivery, window: range, report: ReportDone) -> Columns:
    columns, done = Columns(), 0
    for chunk in delivery.chunks(window, batch_size=BATCH):
        columns.look(bytes(chunk.data))
        done += chunk.num_samples
        report(done // 2)
    return columns


def _cut(chunks: Iterable[Chunk], max_bytes: int | None) -> Iterator[tuple[bytes, bool]]:
    """The chunks as whole lines, parted where a file ends, and whether a new file begins with them."""
    room, fresh = max_bytes or 0, False
    for chunk in chunks:
        data, at = bytes(chunk.data), 0
        if max_bytes is None:
            yield data, False
            continue
        while at < len(data):
            # rfind says -1 where no line ends within the room, so `stop` is 0 and not beyond `at`.
            stop = len(data) if len(data) - at <= room else data.rfind(b"\n", at, at + room) + 1
            if stop <= at:
                if room < max_bytes:  # no further line fits: a new file, which has all its room
                    room, fresh = max_bytes, True
                    continue
                stop = data.index(b"\n", at) + 1
            yield data[at:stop], fresh
            room, fresh, at = max(room - (stop - at), 0), False, stop


@dataclass
class _Draft:
    path: Path
    kind: str
    columns: Columns | None
    num_samples: int = 0
    num_line_bytes: int = 0
    sink: Sink = field(init=False)

    def __post_init__(self) -> None:
        if self.columns is not None:
            self.sink = TableFile(self.path, self.columns)
        elif self.kind == "jsonl.zst":
            self.sink = ZstdFile(self.path)
        elif self.kind == "jsonl.gz":
            self.sink = GzipFile(self.path)
        else:
            self.sink = PlainFile(self.path)

    def write(self, lines: bytes) -> None:
        self.sink.write(lines)
        self.num_samples += lines.count(b"\n")
        self.num_line_bytes += len(lines)

    def written(self, name: str) -> WrittenFile:
        with self.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = self.path.stat().st_size
        return WrittenFile(self.path, name, self.num_samples, self.num_line_bytes, size, digest)


def _close(drafts: list[_Draft]) -> None:
    if drafts:
        drafts[-1].sink.close()
    if len(drafts) >= MAX_FILES:
        raise ImpossibleError(
            f"This would be more than {MAX_FILES:,} files; choose a larger max_bytes.",
            code="too_many_files",
            fields={"file.max_bytes": "Choose a larger one."},
        )


class PlainFile:
    """The lines as they are."""

    def __init__(self, path: Path) -> None:
        self.file: RawIOBase = path.open("wb", buffering=0)

    def write(self, lines: bytes) -> None:
        self._all(lines)

    def close(self) -> None:
        self.file.close()

    def _all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self.file.write(view) or 0 :]


class GzipFile(PlainFile):
    """One gzip member."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP)

    def write(self, lines: bytes) -> None:
        self._all(self.packer.compress(lines))

    def close(self) -> None:
        self._all(self.packer.flush())
        super().close()


class ZstdFile:
    """One zstd frame: many readers stop at the end of the first."""

    def __init__(self, path: Path) -> None:
        self.stream = pa.CompressedOutputStream(pa.OSFile(str(path), "wb"), "zstd")

    def write(self, lines: bytes) -> None:
        self.stream.write(lines)

    def close(self) -> None:
        self.stream.close()


class _Weighted(msgspec.Struct):
    weight: float


class WeightSummary:
    """What the weights of the lines are, all in all."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(_Weighted)
        self._count = 0
        self._sum, self._least, self._most = 0.0, np.inf, -np.inf
        self._bins = np.zeros(BINS, np.int64)

    def add(self, lines: bytes) -> None:
        """Count the weights of whole lines."""
        found = np.array([self._decoder.decode(line).weight for line in split(lines)])
        self._count += len(found)
        self._sum += float(found.sum())
        self._least, self._most = min(self._least, found.min()), max(self._most, found.max())
        self._bins += np.histogram(found, bins=BINS, range=(0.0, 2.0))[0]

    def summary(self) -> dict[str, Any]:
        """Count, sum, least, mean, most, and how many lie in each tenth from 0 to 2."""
        if not self._count:
            return {"count": 0}
        return {
            "count": self._count,
            "sum": round(self._sum, 4),
            "min": round(float(self._least), 4),
            "mean": round(self._sum / self._count, 4),
            "max": round(float(self._most), 4),
            "histogram": {"from": 0.0, "to": 2.0, "counts": self._bins.tolist()},
        }
