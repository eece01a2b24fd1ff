"""Build a shard: lines go in block by block, a finished folder comes out; memory does not grow with the shard."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from themisdb_datasets import shard as names
from themisdb_datasets.artifacts import sync_tree
from themisdb_datasets.columns import ColumnsWriter, Layout, Samples, row_groups
from themisdb_datasets.errors import CorruptError
from themisdb_datasets.fields import Field, Ints
from themisdb_datasets.jsonl import Block, LineScanner, Reject
from themisdb_datasets.shard import describe_file, map_file, read_manifest
from themisdb_datasets.spans import FieldTable

MAX_SHARD_BYTES = (1 << 30) - 1  # Arrow's views have 32-bit offsets
CHECK_SAMPLES = 16_384  # lines decoded at a time


def nothing_to_report() -> None:
    """Called between steps of long work; the caller's own may raise to stop it."""


class ShardWriter:
    """A shard that is being built in `folder`, which must not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.num_samples = 0
        self.num_bytes = 0
        self._table = FieldTable()
        self._digest = hashlib.sha256()
        self._scratch = folder.with_name(folder.name + ".scratch")
        self._scratch.mkdir(parents=True)
        (folder / "index").mkdir(parents=True)
        (folder / names.FILES).write_text(names.SAMPLES + "\n")
        self._samples = (folder / names.SAMPLES).open("wb")
        self._locations = (folder / names.LOCATIONS).open("wb")
        self._spans = (self._scratch / "spans").open("wb")
        self._ids = (self._scratch / "ids").open("wb")
        self._runs: list[tuple[int, int]] = []  # samples and fields of each stretch of the spans

    def add(self, block: Block, start: int, stop: int) -> list[Reject]:
        """Take lines start to stop of `block`; those that are no samples come back."""
        checked = self._table.check(block, start, stop)
        if len(checked.rows):
            data = samples_of(block, checked.rows)
            sizes = block.ends[checked.rows] - block.starts[checked.rows] + 1
            self._samples.write(data)
            self._digest.update(data)
            self._append(data, sizes, checked.spans)
        return checked.rejects

    def _append(self, data: bytes, sizes: Ints, spans: npt.NDArray[np.uint32]) -> None:
        ends = np.cumsum(sizes)
        starts = ends - sizes
        locations = np.zeros((len(sizes), 3), np.uint64)
        locations[:, 1] = starts + self.num_bytes
        locations[:, 2] = sizes
        self._locations.write(memoryview(locations).cast("B"))
        self._spans.write(np.ascontiguousarray(spans).tobytes())
        view, sha256 = memoryview(data), hashlib.sha256
        cuts = zip(starts.tolist(), (ends - 1).tolist(), strict=True)
        self._ids.write(b"".join([sha256(view[a:b]).digest()[:16] for a, b in cuts]))
        if self._runs and self._runs[-1][1] == spans.shape[1]:
            self._runs[-1] = self._runs[-1][0] + len(sizes), spans.shape[1]
        else:
            self._runs.append((len(sizes), spans.shape[1]))
        self.num_samples += len(sizes)
        self.num_bytes += len(data)

    def finish(self, pulse: Callable[[], None] = nothing_to_report) -> str:
        """Write what follows from the samples, and the manifest; return the shard's digest."""
        for file in (self._samples, self._locations, self._spans, self._ids):
            file.close()
        fields = self._table.fields(self.num_samples)
        self._lay_out_spans(fields)
        rest_column = f"c{len(fields)}" if self._table.has_rest else None
        self._write_columns(Layout(tuple(fields), rest_column), pulse)
        shutil.rmtree(self._scratch)
        digest = self._digest.hexdigest()
        files = {names.SAMPLES: {"sha256": digest, "num_bytes": self.num_bytes}}
        for name in (names.FILES, names.LOCATIONS, names.SPANS, names.COLUMNS):
            files[name] = describe_file(self.folder / name)
        manifest = {
            "format_version": names.FORMAT_VERSION,
            "num_samples": self.num_samples,
            "num_bytes": self.num_bytes,
            "num_spans": len(fields),
            "fields": [msgspec.to_builtins(field) for field in fields],
            "rest_column": rest_column,
            "files": files,
        }
        (self.folder / names.MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        return digest

    def _lay_out_spans(self, fields: list[Field]) -> None:
        """spans.bin: the stretches brought to one width, for later samples had fields that earlier ones did not."""
        places = [self._table.paths.index(field.path) for field in fields]
        source, target = self._scratch / "spans", self.folder / names.SPANS
        if places == list(range(len(places))) and all(width == len(places) for _, width in self._runs):
            source.rename(target)
            return
        with source.open("rb") as reader, target.open("wb") as writer:
            for count, width in self._runs:
                kept = [(new, old) for new, old in enumerate(places) if old < width]
                new, old = [pair[0] for pair in kept], [pair[1] for pair in kept]
                step = max(1, (4 << 20) // (8 * max(width, len(places), 1)))
                for start in range(0, count, step):
                    num = min(step, count - start)
                    narrow = np.fromfile(reader, np.uint32, num * width * 2).reshape(num, width, 2)
                    wide = np.zeros((num, len(places), 2), np.uint32)
                    wide[:, new] = narrow[:, old]
                    writer.write(wide.tobytes())

    def _write_columns(self, layout: Layout, pulse: Callable[[], None]) -> None:
        samples = samples_in(self.folder, self.num_samples, len(layout.fields))
        locations = np.frombuffer(map_file(self.folder / names.LOCATIONS), np.uint64).reshape(-1, 3)
        ids = np.frombuffer(map_file(self._scratch / "ids"), np.uint8).reshape(-1, 16)
        writer = ColumnsWriter(self.folder / names.COLUMNS, layout)
        for first, last in row_groups(locations):
            writer.write(samples(first, last), ids[first:last])
            pulse()
        writer.close()

    def abandon(self) -> None:
        """Remove all that was written."""
        for file in (self._samples, self._locations, self._spans, self._ids):
            file.close()
        shutil.rmtree(self._scratch, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def samples_in(folder: Path, num_samples: int, num_spans: int) -> Callable[[int, int], Samples]:
    """Samples first to last of the shard in `folder`."""
    buffer = map_file(folder / names.SAMPLES)
    locations = np.frombuffer(map_file(folder / names.LOCATIONS), np.uint64).reshape(num_samples, 3)
    spans = np.frombuffer(map_file(folder / names.SPANS), np.uint32).reshape(num_samples, num_spans, 2)

    def some(first: int, last: int) -> Samples:
        starts = locations[first:last, 1].astype(np.int64)
        ends = starts + locations[first:last, 2].astype(np.int64) - 1
        return Samples(buffer, starts, ends, spans[first:last])

    return some


def samples_of(block: Block, rows: Ints) -> bytes:
    """These lines of `block` end to end, each trimmed and with its LF."""
    starts, ends, stops = block.starts[rows], block.ends[rows], block.stops[rows]
    first, last = int(starts[0]), int(stops[-1]) + 1
    if int((ends - starts + 1).sum()) == last - first:  # nothing was trimmed or left out in between
        return block.data if last - first == len(block.data) else block.data[first:last]
    changes = np.zeros(last - first + 1, np.int8)
    changes[starts - first] = 1
    changes[ends - first] = -1
    keep = np.cumsum(changes[:-1], dtype=np.int8).astype(bool)
    keep[stops - first] = True
    return np.frombuffer(block.data, np.uint8)[first:last][keep].tobytes()


def rebuild(path: Path) -> None:
    """Make everything of the shard in `path` but its samples anew from samples.jsonl. CorruptError: these have changed."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.rebuilt")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(fresh.with_name(fresh.name + ".scratch"), ignore_errors=True)
    writer = ShardWriter(fresh)
    try:
        with (path / names.SAMPLES).open("rb") as file:
            scanner = LineScanner(iter(lambda: file.read(1 << 20), b""), max_line_bytes=MAX_SHARD_BYTES)
            for block in scanner.blocks():
                for start in range(0, len(block), CHECK_SAMPLES):
                    if writer.add(block, start, min(start + CHECK_SAMPLES, len(block))):
                        raise CorruptError(f"samples.jsonl of shard {path.name} holds a line that is no sample.")
        digest = writer.finish()
        if digest != path.name and (path / names.MANIFEST).exists():
            known = read_manifest(path)["files"][names.SAMPLES]["sha256"]
            if digest != known:
                raise CorruptError(f"samples.jsonl of shard {path.name} is not what it was: its SHA-256 is {digest}.")
        sync_tree(fresh)
        (path / "index").mkdir(exist_ok=True)
        for name in (names.FILES, names.LOCATIONS, names.SPANS, names.COLUMNS, names.MANIFEST):
            (fresh / name).replace(path / name)
    finally:
        writer.abandon()
