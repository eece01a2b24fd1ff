"""CSV as lines: numbers that look like numbers, and everything else as text."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.themisdb_datasets.engine.sources.conftest import TEXTS, ingested, rejects
from themisdb_datasets.engine.sources.tabular import csv_lines
from themisdb_datasets.errors import MalformedError


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
