"""Build a shard: lines go in block by block, a finished folder comes out; memory does not grow with the shard."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from themisdb_datasets.artifacts import sync, sync_tree
from themisdb_datasets.engine.shards import shard
from themisdb_datasets.engine.shards.background import BackgroundColumns, BackgroundDigest, brisk
from themisdb_datasets.engine.shards.columns import ColumnLayout, RowGroups
from themisdb_datasets.engine.shards.scratch import SPANS, SpanFile
from themisdb_datasets.engine.shards.shard import describe_file, read_manifest
from themisdb_datasets.engine.shards.spans import FieldTable
from themisdb_datasets.engine.sources.jsonl import Block, LineScanner, Reject
from themisdb_datasets.errors import CorruptError
from themisdb_datasets.vectors import Ints

MAX_SHARD_BYTES = (1 << 30) - 1  # Arrow's views have 32-bit offsets
CHECK_SAMPLES = 16_384  # lines decoded at a time


def nothing_to_report() -> None:
    """Called between steps of long work; the caller's own may raise to stop it."""


class ShardWriter:
    """A shard that is being built in `folder`, which must not exist yet; lines without the field `key` are no samples."""

    def __init__(self, folder: Path, *, key: str = "") -> None:
        self.folder = folder
        self.num_samples = 0
        self.num_bytes = 0
        self._table = FieldTable(key)
        self._groups = RowGroups()
        self._scratch = folder.with_name(folder.name + ".scratch")
        self._scratch.mkdir(parents=True)
        (folder / "index").mkdir(parents=True)
        (folder / shard.FILES).write_text(shard.SAMPLES + "\n")
        self._samples = (folder / shard.SAMPLES).open("wb")
        self._locations = (folder / shard.LOCATIONS).open("wb")
        self._spans = SpanFile(self._scratch / SPANS)
        self._digest = BackgroundDigest()
        self._columns = BackgroundColumns(folder, self._spans)

    def add(self, block: Block, start: int, stop: int) -> list[Reject]:
        """Take lines start to stop of `block`; those that are no samples come back."""
        checked = self._table.check(block, start, stop)
        if len(checked.rows):
            data = samples_of(block, checked.rows)
            sizes = block.ends[checked.rows] - block.starts[checked.rows] + 1
            self._append(data, sizes)
            self._spans.append(checked.spans)
            self._digest.update(data)
            # The other process reads what is in the files, so a row group is told of when it is complete and
            # flushed.
            num_groups = len(self._groups.ends)
            self._groups.add(sizes)
            if len(self._groups.ends) > num_groups:
                self._flush()
                layout = self._layout()
                self._columns.advance(layout, self._places(layout), self._groups.ends)
        return checked.rejects

    def _append(self, data: bytes, sizes: Ints) -> None:
        locations = np.zeros((len(sizes), 3), np.uint64)
        locations[:, 1] = np.cumsum(sizes) - sizes + self.num_bytes
        locations[:, 2] = sizes
        self._samples.write(data)
        self._locations.write(locations.tobytes())
        self.num_samples += len(sizes)
        self.num_bytes += len(data)

    def _flush(self) -> None:
        for file in (self._samples, self._locations, self._spans):
            file.flush()

    def _layout(self) -> ColumnLayout:
        fields = self._table.fields(self.num_samples)
        return ColumnLayout(tuple(fields), f"c{len(fields)}" if self._table.has_rest else None)

    def _places(self, layout: ColumnLayout) -> Ints:
        """Where the fields of `layout` are in the table, and so in the scratch file."""
        places = {path: place for place, path in enumerate(self._table.paths)}
        return np.array([places[field.path] for field in layout.fields], np.int64)

    def finish(self, pulse: Callable[[], None] = nothing_to_report) -> str:
        """Write what follows from the samples, and the manifest; return the shard's digest."""
        self._flush()
        self._groups.finish()
        layout = self._layout()
        places = self._places(layout)
        self._columns.advance(layout, places, self._groups.ends)
        # The other thread finishes all else while the columns come to an end.
        described = self._digest.then(partial(self._described, places))
        columns = self._columns.finish(layout, places, self._groups.ends, pulse)
        digest = self._digest.finish()
        files = {shard.SAMPLES: {"sha256": digest, "num_bytes": self.num_bytes}}
        files |= described.result()
        files[shard.COLUMNS] = columns
        # Only now, for the other process reads the spans where they were.
        if self._is_final(places):
            self._spans.path.replace(self.folder / shard.SPANS)
        self._close()
        shutil.rmtree(self._scratch)
        self._write_manifest(layout, files)
        return digest

    def _described(self, places: Ints) -> dict[str, Any]:
        """Put all but the columns on disk; the index's files are described as the manifest lists them."""
        spans = self._spans.path
        if not self._is_final(places):
            spans = self.folder / shard.SPANS
            self._spans.copy_to(spans, places)
        files = {name: describe_file(self.folder / name) for name in (shard.FILES, shard.LOCATIONS)}
        files[shard.SPANS] = describe_file(spans)
        for path in (self.folder / shard.SAMPLES, self.folder / shard.LOCATIONS, spans):
            sync(path)
        return files

    def _is_final(self, places: Ints) -> bool:
        """Whether the scratch file's spans are those of the fields at `places`, as they are."""
        return np.array_equal(places, np.arange(len(places))) and self._spans.is_uniform(len(places))

    def _write_manifest(self, layout: ColumnLayout, files: dict[str, Any]) -> None:
        manifest = {
            "format_version": shard.FORMAT_VERSION,
            "num_samples": self.num_samples,
            "num_bytes": self.num_bytes,
            "num_spans": len(layout.fields),
            "fields": layout.fields,
            "rest_column": layout.rest_column,
            "files": files,
        }
        (self.folder / shard.MANIFEST).write_bytes(
            msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        )

    def _close(self) -> None:
        for file in (self._samples, self._locations, self._spans):
            file.close()

    def abandon(self) -> None:
        """Stop, and remove all that was written."""
        self._columns.abandon()
        self._digest.abandon()
        self._close()
        shutil.rmtree(self._scratch, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def samples_of(block: Block, rows: Ints) -> bytes:
    """These lines of `block` end to end, each trimmed and with its LF."""
    starts, ends, stops = block.starts[rows], block.ends[rows], block.stops[rows]
    first, last = int(starts[0]), int(stops[-1]) + 1
    if int((ends - starts + 1).sum()) == last - first:  # nothing was trimmed or left out in between
        return block.data if last - first == len(block.data) else block.data[first:last]
    # +1 where a line's content begins, -1 where it ends: their running sum is 1 inside, and int8 suffices,
    # for lines do not overlap.
    changes = np.zeros(last - first + 1, np.int8)
    changes[starts - first] = 1
    changes[ends - first] = -1
    keep = np.cumsum(changes[:-1], dtype=np.int8).astype(bool)
    keep[stops - first] = True
    return bytes(np.frombuffer(block.data, np.uint8)[first:last][keep])


def rebuild(path: Path) -> None:
    """Make everything of the shard in `path` but its samples anew from samples.jsonl. CorruptError: these have changed."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.rebuilt")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.rmtree(fresh.with_name(fresh.name + ".scratch"), ignore_errors=True)
    writer = ShardWriter(fresh)
    try:
        with (path / shard.SAMPLES).open("rb") as file, brisk():
            scanner = LineScanner(iter(lambda: file.read(1 << 20), b""), max_line_bytes=MAX_SHARD_BYTES)
            for block in scanner.blocks():
                for start in range(0, len(block), CHECK_SAMPLES):
                    if writer.add(block, start, min(start + CHECK_SAMPLES, len(block))):
                        raise CorruptError(
                            f"samples.jsonl of shard {path.name} holds a line that is no sample."
                        )
        digest = writer.finish()
        if digest != path.name and (path / shard.MANIFEST).exists():
            known = read_manifest(path)["files"][shard.SAMPLES]["sha256"]
            if digest != known:
                raise CorruptError(
                    f"samples.jsonl of shard {path.name} is not what it was: its SHA-256 is {digest}."
                )
        sync_tree(fresh)
        (path / "index").mkdir(exist_ok=True)
        # The manifest last, for it tells the digests of the others: so it shows where this was cut short.
        for name in (shard.FILES, shard.LOCATIONS, shard.SPANS, shard.COLUMNS, shard.MANIFEST):
            (fresh / name).replace(path / name)
    finally:
        writer.abandon()
