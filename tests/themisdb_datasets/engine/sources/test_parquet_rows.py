"""Parquet as samples: nothing lost, nothing changed that JSON can say, everything else rejected."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.themisdb_datasets.engine.sources.conftest import ingested, rejects
from themisdb_datasets.errors import MalformedError

ROWS: dict[str, list[Any]] = {
    "n": [1, None, 3],
    "x": [0.5, float("nan"), -0.0],
    "when": [datetime(2020, 1, 2, 3, tzinfo=UTC), None, datetime(2021, 1, 1, tzinfo=UTC)],
    "day": [date(2020, 1, 2), date(2020, 1, 3), None],
    "price": [Decimal("1.10"), Decimal("20000000000000000.01"), None],
    "raw": [b"\x00\xff", None, b""],
    "tags": [["a", "ä"], [], None],
    "meta": [{"slug": "x", "n": 1}, {"slug": None, "n": 2}, {"slug": "z", "n": None}],
}


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_a_parquet_becomes_objects(tmp_path: Path, ending: str) -> None:
    pq.write_table(pa.table(ROWS), tmp_path / "a.parquet", row_group_size=2)
    data = (tmp_path / "a.parquet").read_bytes()
    if ending:
        data = pa.compress(data, codec={".gz": "gzip", ".zst": "zstd"}[ending], asbytes=True)
    samples, result = ingested(tmp_path / "in", data, f"a.parquet{ending}")
    assert samples[0] == {
        "n": 1, "x": 0.5, "when": "2020-01-02T03:00:00Z", "day": "2020-01-02", "price": 1.10, "raw": "AP8=",
        "tags": ["a", "ä"], "meta": {"slug": "x", "n": 1},
    }  # fmt: skip
    assert [sample["n"] for sample in samples] == [1, 3]
    assert rejects(result) == [(2, "nan_or_infinity")]


def test_a_damaged_parquet_says_so(tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="not readable as Parquet"):
        ingested(tmp_path, b"PAR1 nothing of the kind PAR1", "a.parquet")


def test_a_parquet_may_hold_what_python_has_no_type_for(tmp_path: Path) -> None:
    moments = pa.array([1577880000000000001, 1577880000000000000, None], pa.timestamp("ns"))
    table = pa.table(
        {
            "ns": moments,
            "inside": pa.StructArray.from_arrays(
                [pa.ListArray.from_arrays([0, 1, 2, 3], moments)], names=["list"]
            ),
            "zone": moments.cast(pa.timestamp("ns", "Mars/Olympus")),
            "time": pa.array([1, 2, 3], pa.time64("ns")),
            "map": pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.timestamp("ns"))),
            "far": pa.array([1 << 62, 5, None], pa.timestamp("us")),
            "text": pa.array([b"ok", b"ok", b"\xff"]).view(pa.string()),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    samples, result = ingested(tmp_path / "in", (tmp_path / "a.parquet").read_bytes(), "a.parquet")
    assert (samples[0]["ns"], samples[0]["zone"]) == (
        "2020-01-01T12:00:00.000000001",
        "2020-01-01T12:00:00.000000001Z",
    )
    assert samples[0]["inside"] == {"list": ["2020-01-01T12:00:00.000000001"]}
    assert samples[0]["map"] == [["a", "1970-01-01T00:00:00.000000001"]]
    assert samples[1]["ns"] == "2020-01-01T12:00:00"
    assert (samples[1]["time"], samples[1]["map"]) == ("00:00:00.000000002", [])
    assert [sample["far"] for sample in samples] == [1 << 62, "1970-01-01T00:00:00.000005"]
    assert json.loads(result.rejects_path.read_text())["reason"] == "invalid_utf8"


@pytest.mark.parametrize("is_inside", [False, True])
def test_a_parquet_with_a_name_twice_is_refused(tmp_path: Path, is_inside: bool) -> None:
    doubled = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    pq.write_table(
        pa.table({"s": doubled}) if is_inside else pa.Table.from_struct_array(doubled), tmp_path / "a.parquet"
    )
    with pytest.raises(
        MalformedError, match=r"the column 's\.x' twice" if is_inside else "the column 'x' twice"
    ):
        ingested(tmp_path / "in", (tmp_path / "a.parquet").read_bytes(), "a.parquet")
