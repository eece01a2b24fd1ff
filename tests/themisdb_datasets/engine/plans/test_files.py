"""Plans as files: the stream's own bytes, cut where they should be."""

import hashlib
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.themisdb_datasets.engine.plans.conftest import open_plan, read, written
from tests.versions import make_version
from themisdb_datasets.engine.plans import files
from themisdb_datasets.engine.plans.delivery import Delivery
from themisdb_datasets.engine.plans.files import WrittenFile
from themisdb_datasets.engine.plans.plan import Plan
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.selection import SelectionCache
from themisdb_datasets.engine.weights.weighting import Explicit, Weighting
from themisdb_datasets.errors import ImpossibleError


def content(file: WrittenFile) -> bytes:
    """The file's lines."""
    stored = file.path.read_bytes()
    assert hashlib.sha256(stored).hexdigest() == file.sha256
    assert len(stored) == file.num_bytes
    if file.name.endswith(".gz"):
        unpacker = zlib.decompressobj(31)
        lines = unpacker.decompress(stored)
        assert unpacker.eof  # and there is
        assert not unpacker.unused_data  # one member only: some readers stop after it
        return lines
    if file.name.endswith(".zst"):
        lines = bytes(pa.CompressedInputStream(pa.BufferReader(stored), "zstd").read())
        assert stored.count(b"\x28\xb5\x2f\xfd") == 1  # one frame, for the same reason
        return lines
    return stored


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_the_file_has_the_bytes_of_the_stream(delivery: Delivery, kind: str, tmp_path: Path) -> None:
    (file,), weights = written(delivery, tmp_path / "out", kind)
    assert content(file) == read(delivery)
    assert (file.name, file.num_samples) == (f"texts.{kind}", 3_000)
    assert weights["count"] == 3_000
    again, _ = written(delivery, tmp_path / "again", kind)
    assert again[0].sha256 == file.sha256


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_parts_together_are_the_stream(delivery: Delivery, kind: str, tmp_path: Path) -> None:
    whole = read(delivery)
    parts, _ = written(delivery, tmp_path / "out", kind, max_bytes=50_000)
    assert b"".join(content(part) for part in parts) == whole
    assert sum(part.num_samples for part in parts) == 3_000
    longest = max(map(len, whole.splitlines())) + 1
    for part in parts[:-1]:
        assert 50_000 - longest < part.num_line_bytes <= 50_000
    assert [part.name for part in parts] == [
        f"texts-{n:05}-of-{len(parts):05}.{kind}" for n in range(1, len(parts) + 1)
    ]


def test_a_line_longer_than_a_file_is_a_file(tmp_path: Path) -> None:
    samples = [{"text": "kurz"}, {"text": "lang " * 100}, {"text": "kurz"}, {"text": "kurz"}]
    delivery = open_plan(tmp_path, make_version(tmp_path, samples))
    parts, _ = written(delivery, tmp_path / "out", "jsonl", max_bytes=100)
    assert [part.num_samples for part in parts] == [1, 1, 2]


def test_too_many_files_are_refused(
    delivery: Delivery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_FILES", 5)
    with pytest.raises(ImpossibleError, match="larger max_bytes"):
        written(delivery, tmp_path / "out", "jsonl", max_bytes=1_000)


def test_nothing_is_an_empty_file(delivery: Delivery, tmp_path: Path) -> None:
    for kind in ("jsonl", "jsonl.gz", "jsonl.zst"):
        (file,), weights = written(delivery, tmp_path / kind, kind, limit=0)
        assert content(file) == b""
        assert weights == {"count": 0}
    (table,), _ = written(delivery, tmp_path / "parquet", "parquet", limit=0)
    assert pq.read_table(table.path).num_rows == 0


def test_the_weights_are_summed_up(tmp_path: Path) -> None:
    version = make_version(tmp_path, [{"text": "x", "importance": w} for w in (0.5, 1.0, 1.0, 9)])
    weighting = Weighting(explicit=Explicit("importance", 1.0))
    plan = Plan(
        "0" * 64, Criteria((), weighting), Format("text_completion", {"text": parse_value("text")}, ())
    )
    selected = SelectionCache(tmp_path / "selections").get(version, "0" * 64, plan.criteria)
    _, weights = written(Delivery(plan, version, [selected]), tmp_path / "out", "jsonl")
    assert weights["count"] == 4
    assert (weights["min"], weights["mean"], weights["max"], weights["sum"]) == (0.5, 1.125, 2.0, 4.5)
    assert sum(weights["histogram"]["counts"]) == 4
