"""Columns hold what Python's own JSON reads, in a kind that fits every value of the field."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.themisdb_datasets.ingesting import columns_of, ingest_bytes, kinds_of
from themisdb_datasets.engine.shards.columns import spelled
from themisdb_datasets.errors import CorruptError

NAMES = st.sampled_from(["a", "b", "a.b", "", "ä", 'q"', "x\\"]) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=3
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = (
    st.integers(-(10**25), 10**25) | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False)
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
)
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=6)  # names may come twice


def written(pairs: list[tuple[str, Any]], *, ascii_only: bool, spaced: bool) -> bytes:
    comma, colon = (" , ", " : ") if spaced else (",", ":")
    members = [
        json.dumps(name, ensure_ascii=ascii_only) + colon + json.dumps(value, ensure_ascii=ascii_only)
        for name, value in pairs
    ]
    return ("{" + comma.join(members) + "}").encode()


def check_column(kind: str, got: Any, value: Any, raw: str) -> None:
    """`got` is `value` as a column of this kind holds it; `raw` is how the line spells it."""
    if value is None:
        assert got is None
    elif kind in ("bool", "int64", "double"):
        assert got == value
        assert isinstance(got, {"bool": bool, "int64": int, "double": float}[kind])
    elif isinstance(value, str):
        assert got == value
    elif isinstance(value, bool | int | float):
        assert got == raw
    else:
        assert json.loads(got) == value


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(PAIRS, st.booleans(), st.booleans()), min_size=1, max_size=8))
def test_any_objects_come_out_as_python_reads_them(
    tmp_path: Path, samples: list[tuple[list[tuple[str, Any]], bool, bool]]
) -> None:
    lines = [written(pairs, ascii_only=ascii_only, spaced=spaced) for pairs, ascii_only, spaced in samples]
    got = ingest_bytes(tmp_path, b"\n".join(lines))
    assert got.lines == lines
    shard, values = got.shard, columns_of(got.shard)
    objects = [json.loads(line) for line in lines]
    top = {name for one in objects for name in one}
    nested = {
        f"{name}.{member}"
        for one in objects
        for name, inner in one.items()
        if isinstance(inner, dict)
        for member in inner
    }
    assert {field.name for field in shard.fields} == top | nested
    for field in shard.fields:
        assert (len(field.path) == 1) == (field.name in top)
        absent = nulls = 0
        for i, one in enumerate(objects):
            holder: Any = one
            for name in field.path[:-1]:
                holder = holder.get(name)
            offset, length = shard.spans[i, field.span].tolist()
            if not isinstance(holder, dict) or field.path[-1] not in holder:
                absent += 1
                assert (length, values[field.name][i]) == (0, None)
                continue
            value = holder[field.path[-1]]
            nulls += value is None
            raw = lines[i][offset : offset + length].decode()
            assert json.loads(raw) == value
            check_column(field.kind, values[field.name][i], value, raw)
        assert (field.absent, field.nulls) == (absent, nulls)


@pytest.mark.parametrize(
    ("values", "kind", "wanted"),
    [
        (["true", "false", "null"], "bool", [True, False, None]),
        (["1", "-0", "9223372036854775807"], "int64", [1, 0, 2**63 - 1]),
        (["1", "2.50", "1e3"], "double", [1.0, 2.5, 1000.0]),
        (["9007199254740992", "0.5"], "double", [2.0**53, 0.5]),
        (["9007199254740993", "0.5"], "text", ["9007199254740993", "0.5"]),
        (["9223372036854775808", "1"], "text", ["9223372036854775808", "1"]),
        (["-9223372036854775809", "1"], "text", ["-9223372036854775809", "1"]),
        (["1e999", "1"], "text", ["1e999", "1"]),
        (["1" + "0" * 400 + ".0", "1"], "text", ["1" + "0" * 400 + ".0", "1"]),
        (["1", '"eins"', "null"], "text", ["1", "eins", None]),
        (["true", "1"], "text", ["true", "1"]),
        (['"1.10"', "1.10"], "text", ["1.10", "1.10"]),
        (["null", "null"], "text", [None, None]),
        (["[1.10, 2]", '{"x":1.0}'], "json", ["[1.10, 2]", '{"x":1.0}']),
        ([r'["L\u00e4rm \u0022 \\u00e4"]', "[]"], "json", [r'["Lärm \u0022 \\u00e4"]', "[]"]),
        ([r'["L\u00e4rm"]', r'"L\u00e4rm\n"', "null"], "text", ['["Lärm"]', "Lärm\n", None]),
        (['""', '"\\ud83d\\ude00"'], "text", ["", "😀"]),
    ],
)
def test_a_kind_holds_every_value(tmp_path: Path, values: list[str], kind: str, wanted: list[Any]) -> None:
    shard = ingest_bytes(tmp_path, "\n".join(f'{{"a":{value}}}' for value in values).encode()).shard
    assert kinds_of(shard)["a"] == kind
    assert columns_of(shard)["a"] == wanted


def test_a_sample_id_is_the_first_128_bits_of_the_lines_digest(tmp_path: Path) -> None:
    lines = [b'{"a": 1}', b"{}"]
    table = pq.read_table(ingest_bytes(tmp_path, b" \n".join(lines)).shard.columns_path)
    assert table.schema.field("sample_id").type == pa.binary(16)
    assert table["sample_id"].to_pylist() == [hashlib.sha256(line).digest()[:16] for line in lines]


@pytest.mark.parametrize("span", [(6, 95), (6, 2**32 - 1), (2**32 - 1, 2), (6, 1)])
def test_a_stale_span_is_refused(span: tuple[int, int]) -> None:
    buffer = pa.py_buffer(b'{"a": "b"}\n' * 9)
    starts = np.arange(3) * 11
    spans = np.array([[6, 3], span, [6, 3]], np.uint32)
    with pytest.raises((CorruptError, IndexError)):
        spelled(buffer, starts, spans)
    assert spelled(buffer, starts[::2], spans[::2]).to_pylist() == ["b", "b"]


def test_samples_without_any_field_have_a_row_each(tmp_path: Path) -> None:
    shard = ingest_bytes(tmp_path, b"{}\n{}\n").shard
    assert (shard.num_samples, shard.fields, shard.spans.shape) == (2, (), (2, 0, 2))
    assert pq.read_table(shard.columns_path).num_rows == 2
