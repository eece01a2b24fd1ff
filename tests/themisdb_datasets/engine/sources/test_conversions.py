"""JSON arrays, CSV and Parquet as samples: nothing lost, nothing changed that JSON can say, everything else rejected."""

import csv
import gzip
import io
import json
import random
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.shards.ingest import IngestResult, ingest
from themisdb_datasets.engine.shards.shard import Shard
from themisdb_datasets.engine.sources.json_arrays import array_lines
from themisdb_datasets.engine.sources.source import open_source
from themisdb_datasets.engine.sources.tabular import csv_lines
from themisdb_datasets.errors import MalformedError

NASTY = ["", '"', "\\", '\\"', "],[", "{", "a\nb", "\u2028", "ä", "😀", ",", "\\\\\\"]
TEXTS = st.sampled_from(NASTY) | st.text(max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def cut(data: bytes, seed: int) -> list[bytes]:
    places = sorted(random.Random(seed).choices(range(len(data) + 1), k=5))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True) if a < b]


@settings(max_examples=200, deadline=None)
@given(
    elements=st.lists(VALUES, max_size=6),
    indent=st.sampled_from([None, 2]),
    ascii=st.booleans(),
    seed=st.integers(0, 9),
)
def test_an_array_becomes_its_elements_wherever_its_chunks_end(
    elements: list[Any], indent: int | None, ascii: bool, seed: int
) -> None:
    text = json.dumps(elements, indent=indent, ensure_ascii=ascii)
    try:
        data = f" \ufeff{text}\r\n".lstrip(" ").encode()
    except UnicodeEncodeError:
        return  # half of a surrogate pair has no UTF-8
    lines = b"".join(array_lines(iter(cut(data, seed)), name="a.json", max_bytes=1 << 20)).splitlines()
    assert [json.loads(line) for line in lines] == elements


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b'[{"a": 1.10, "b": 12345678901234567890}]', [b'{"a":1.10,"b":12345678901234567890}']),
        (b"[]", []),
        (b" [ ] ", []),
        (b'[{"a": 1}, oops, {"b": 2},]', [b'{"a":1}', b"oops", b'{"b":2}', b","]),
        (b'[{"a": "x\ny"}]', [b'{"a": "x\x0by"}']),
        (b'[{\r\n  "a": NaN,\n  "b": "x\ny"\n}]', [b'{    "a": NaN,   "b": "x\x0by" }']),
    ],
)
def test_what_stands_between_commas_is_a_line(data: bytes, lines: list[bytes]) -> None:
    for seed in range(20):
        assert b"".join(array_lines(iter(cut(data, seed)), name="a.json", max_bytes=99)) == b"".join(
            line + b"\n" for line in lines
        )


def test_a_line_break_in_a_text_of_an_array_is_told_as_that(tmp_path: Path) -> None:
    samples, result = ingested(tmp_path, b'[{"a": "x\ny"}, {"a": 1}]', "a.json")
    assert (samples, rejects(result)) == ([{"a": 1}], [(1, "invalid_json")])
    message = json.loads(result.rejects_path.read_text())["message"]
    assert message == "A line break in a text must be written as \\n, at byte 9."


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"a": 1}\n{"a": 2}\n', "Name JSON lines .jsonl"),
        (b"x", "does not begin"),
        (b'[{"a": 1}', "cut off"),
        (b'[{"a": "', "cut off"),
        (b"[1] [2]", "after the end"),
        (b'["' + b"x" * 200, "more than 99 bytes"),
    ],
)
def test_what_is_no_array_says_what_to_do(data: bytes, says: str) -> None:
    with pytest.raises(MalformedError, match=says):
        list(array_lines(iter(cut(data, 3)), name="a.json", max_bytes=99))


def ingested(root: Path, data: bytes, name: str) -> tuple[list[Any], IngestResult]:
    (root / "work").mkdir(parents=True)
    (root / "upload").write_bytes(data)
    store = ArtifactStore(root / "store")
    source = open_source(root / "upload", name)
    result = ingest(source, store=store, workdir=root / "work")
    assert source.done == source.total
    shards = [Shard.open(store.shard_path(each.digest)) for each in result.shards]
    return [json.loads(shard.line(row)) for shard in shards for row in range(shard.num_samples)], result


def rejects(result: IngestResult) -> list[tuple[int, str]]:
    lines = result.rejects_path.read_text().splitlines()
    return [(reject["line"], reject["reason"]) for reject in map(json.loads, lines)]


def test_a_csv_becomes_objects_with_numbers_that_look_like_numbers(tmp_path: Path) -> None:
    text = (
        "\ufeffid,zip,rate,text\r\n"
        '1,01234,1.10,"a ""b"",\nzwei Zeilen"\r\n'
        "2,99999,-3e5,\r\n"
        "3,1\r\n"
        "\r\n"
        "4,00,abc,ä,zu viel\r\n"
        "5,7,1.,ü"
    )
    samples, result = ingested(tmp_path, text.encode(), "a.csv")
    assert samples == [
        {"id": 1, "zip": "01234", "rate": 1.10, "text": 'a "b",\nzwei Zeilen'},
        {"id": 2, "zip": 99999, "rate": -3e5},
        {"id": 5, "zip": 7, "rate": "1.", "text": "ü"},
    ]
    assert rejects(result) == [(3, "not_an_object"), (4, "not_an_object")]
    assert result.rejects_path.read_text().count("more or fewer cells than the header") == 2


@pytest.mark.parametrize("blank", ["\n", "\r\n\r\n", "\ufeff\n"])
def test_blank_lines_before_the_header_of_a_csv_are_no_header(tmp_path: Path, blank: str) -> None:
    samples, result = ingested(tmp_path, f"{blank}a,b\n1,2\n".encode(), "a.csv")
    assert (samples, rejects(result)) == ([{"a": 1, "b": 2}], [])


@pytest.mark.parametrize("end", ["x" * 300, '"' + "x\n" * 150, "x" * 250 + "\n"])
def test_a_row_of_a_csv_without_an_end_is_not_read_into_memory(end: str) -> None:
    data = f"a,b\n1,2\n3,{end}".encode().ljust(5_000, b"z")
    pieces = [data[start : start + 10] for start in range(0, len(data), 10)]
    read = iter(pieces)
    with pytest.raises(MalformedError, match=r"more than 200 characters, from line 3 on\. Close its quotes"):
        list(csv_lines(read, name="a.csv", max_chars=200))
    assert len(list(read)) > len(pieces) - 30


def test_bytes_that_are_no_text_are_rejected_for_that(tmp_path: Path) -> None:
    samples, result = ingested(tmp_path, b"a,b\n1,\xe4\n2,ok\n", "a.csv")
    assert samples == [{"a": 2, "b": "ok"}]
    assert rejects(result) == [(1, "invalid_utf8")]


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=6))
def test_every_text_of_a_csv_comes_through(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([["x", "y"], *rows])
    try:
        data = out.getvalue().encode()
    except UnicodeEncodeError:
        return
    samples, _ = ingested(tmp_path_factory.mktemp("csv"), gzip.compress(data), "a.csv.gz")
    wanted = [dict(zip("xy", row, strict=True)) for row in rows]
    got = [{key: str(value) for key, value in sample.items()} for sample in samples]
    plain = [{key: value for key, value in row.items() if value} for row in wanted]
    # The reader of CSV takes \r alone for the end of a line as well.
    if not any("\r" in cell or "\x00" in cell for row in rows for cell in row):
        assert [each for each in got if each] == [each for each in plain if each]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,a\n1,2\n", "'a' twice"),
        ("a,,b\n1,2,3\n", "without a name"),
        ('a,b\n"x"y,2\n', "Quote cells"),
        ("a;b\n1;2\n", "separated by semicolons; use commas"),
        ("a\tb\n1\t2\n", "separated by tabs; use commas"),
    ],
)
def test_a_csv_that_cannot_be_read_says_where(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(MalformedError, match=says):
        ingested(tmp_path, text.encode(), "a.csv")


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
