"""Lines as a typed table."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tests.themisdb_datasets.engine.plans.conftest import open_plan, read, written
from tests.versions import make_version
from themisdb_datasets.engine.plans.delivery import Delivery
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.rendering.formats import Format

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
