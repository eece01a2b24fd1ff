"""Plans as files: the stream's own bytes, cut where they should be, and Parquet that others read."""

import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.themisdb_datasets.engine.plans.test_plan import open_plan, read
from tests.versions import make_version
from themisdb_datasets.engine.plans import files
from themisdb_datasets.engine.plans.delivery import Delivery
from themisdb_datasets.engine.plans.files import WrittenFile, write_files
from themisdb_datasets.engine.plans.plan import Plan
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.selection import SelectionCache
from themisdb_datasets.engine.weights.weighting import Explicit, Weighting
from themisdb_datasets.errors import ImpossibleError
from themisdb_datasets.order import Ordering

SAMPLES = [{"n": n, "text": f"Absatz {n} über Lärm " * (n % 7 + 1)} for n in range(3_000)]


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return open_plan(tmp_path, make_version(tmp_path, SAMPLES), ordering=Ordering("shuffled", 7))


def written(
    delivery: Delivery, folder: Path, kind: str, *, max_bytes: int | None = None, limit: int | None = None
) -> tuple[list[WrittenFile], Any]:
    folder.mkdir()
    window = delivery.window(0, limit)
    reported: list[int] = []
    made = write_files(
        delivery, window, folder, stem="texts", kind=kind, max_bytes=max_bytes, report=reported.append
    )
    assert reported == sorted(reported)
    assert not reported or reported[-1] == len(window)
    return made


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


MIXED: list[dict[str, Any] | bytes] = [
    {"q": "Wie laut?", "n": 1, "x": 1, "flag": True, "big": 1, "tags": ["a", "ä"], "m": {"k": 1.50}},
    {"q": "Zeile\n\"zwei\"", "n": -5, "x": 2.5, "flag": False, "big": 12345678901234567890, "extra": None},
    b'{"q":"\\u00e4","n":9007199254740993,"x":1e3,"big":"x","late":"y", "m":{"k":1.50}}',
]  # fmt: skip


def table_of(tmp_path: Path, samples: list[dict[str, Any] | bytes], form: Format) -> Any:
    delivery = open_plan(tmp_path, make_version(tmp_path, samples), form)
    (file,), _ = written(delivery, tmp_path / "out", "parquet")
    return file.path


def test_parquet_has_a_typed_column_for_each_field(tmp_path: Path) -> None:
    table = pq.read_table(table_of(tmp_path, MIXED, Format("raw", {}, (), False)))
    types = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert types == {
        "q": "string",
        "n": "int64",
        "x": "double",
        "flag": "bool",
        "big": "string",
        "late": "string",
        "tags": "string",
        "extra": "string",
        "m": "string",
    }
    rows = table.to_pylist()
    assert rows[1]["q"] == 'Zeile\n"zwei"'
    assert rows[2]["n"] == 9007199254740993
    assert rows[1]["big"] == "12345678901234567890"
    assert rows[2]["big"] == "x"
    assert json.loads(rows[0]["tags"]) == ["a", "ä"]
    assert rows[2]["m"] == '{"k":1.50}'
    assert (rows[0]["late"], rows[1]["extra"]) == (None, None)


def test_a_conversation_is_a_list_of_structs_in_duckdb(tmp_path: Path) -> None:
    mapping = {"user": parse_value("q"), "assistant": parse_value("a")}
    path = table_of(tmp_path, [{"q": "Wie?", "a": "So."}], Format("chat_completion", mapping, (), True))
    found = duckdb.sql(f"SELECT messages[1].content, messages[2].role, weight FROM '{path}'").fetchall()
    assert found == [("Wie?", "assistant", 1.0)]


def test_parts_of_a_table_have_one_schema(delivery: Delivery, tmp_path: Path) -> None:
    parts, _ = written(delivery, tmp_path / "out", "parquet", max_bytes=100_000)
    tables = [pq.read_table(part.path) for part in parts]
    assert len({str(table.schema) for table in tables}) == 1
    whole = pa.concat_tables(tables)
    assert whole.column("text").to_pylist() == [
        json.loads(line)["text"] for line in read(delivery).splitlines()
    ]
    assert [part.num_samples for part in parts] == [table.num_rows for table in tables]
