"""Pieces: what stands at one place of every line, for values that are there, null, empty or absent."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.versions import make_version
from themisdb_datasets.engine.kernels.gather import VIEW, gather
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.rendering.pieces import (
    Batch,
    FactorPiece,
    InsidePiece,
    KeyPiece,
    LinePiece,
    Piece,
    ShardSource,
    TextPiece,
    ValuePiece,
    WeightPiece,
    constant,
    joined,
    weight_texts,
)
from themisdb_datasets.errors import CorruptError

LONG = "a text of more than twelve bytes"
LINES = [
    b'{"t": "short", "n": 1.10}',
    b'{"t": null, "n": 42}',
    b'{"n": [1, "x"], "t": "' + LONG.encode() + b'"}',
    b'{"t": "", "u": "\\u00e4\\""}',
]


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    version = make_version(tmp_path, LINES)
    source = ShardSource(version.parts[0], 1, ["t", "n", "u"])
    return Batch(
        source, slice(0, 4), np.array([0, 10_000, 12_345, 20_000], np.uint16), np.array([[0.1, 3], [1e-7, 1], [2, 2], [0, 0]]),
        [pa.py_buffer(b""), source.buffer],
    )  # fmt: skip


def filled(piece: Piece, batch: Batch) -> list[bytes]:
    """What the piece puts into each of the lines."""
    texts = constant(piece.text, 0)
    words = np.tile(texts[0], (len(batch), 1))
    buffers = [pa.py_buffer(piece.text), *batch.buffers[1:]]
    batch.buffers[:] = buffers
    piece.fill(words, batch, texts)
    return [bytes(gather(row.view(VIEW).reshape(1, 1), batch.buffers, inlined=True)) for row in words]


def test_a_value_is_as_it_is_spelled_and_a_text_stands_where_there_is_none(batch: Batch) -> None:
    assert filled(ValuePiece("n"), batch) == [b"1.10", b"42", b'[1, "x"]', b'""']
    assert filled(ValuePiece("t"), batch) == [b'"short"', b'""', f'"{LONG}"'.encode(), b'""']
    assert filled(ValuePiece("nothing", text=b"null"), batch) == [b"null"] * 4


def test_inside_a_text_a_value_has_no_quotes_and_nested_ones_are_escaped(batch: Batch) -> None:
    assert filled(InsidePiece("t"), batch) == [b"short", b"", LONG.encode(), b""]
    assert filled(InsidePiece("n"), batch) == [b"1.10", b"42", rb"[1, \"x\"]", b""]
    assert filled(InsidePiece("u"), batch) == [b"", b"", b"", rb"\u00e4\""]


def test_a_text_stands_where_its_condition_has_something_in_it(batch: Batch) -> None:
    there = parse_value("t")
    assert filled(TextPiece(b"x", when=there), batch) == [b"x", b"", b"x", b""]
    assert filled(ValuePiece("n", when=there), batch) == [b"1.10", b"", b'[1, "x"]', b""]
    assert filled(TextPiece(b"x", when=parse_value("{t}{u}")), batch) == [b"x", b"", b"x", b"x"]
    assert filled(TextPiece(b"x", when=parse_value("no {t}")), batch) == [b"x"] * 4


def test_the_first_key_that_a_sample_has_goes_without_its_comma(batch: Batch) -> None:
    assert filled(KeyPiece("t", (), b',"t":'), batch) == [b'"t":', b"", b'"t":', b'"t":']
    assert filled(KeyPiece("n", ("t",), b',"a longer name":'), batch) == [
        b',"a longer name":', b'"a longer name":', b',"a longer name":', b"",
    ]  # fmt: skip


def test_a_line_is_the_sample_and_a_weight_has_four_decimals(batch: Batch) -> None:
    assert filled(LinePiece(), batch) == [line + b"\n" for line in LINES]
    weight = WeightPiece(weight_texts(b',"weight":', b"}"))
    assert filled(weight, batch) == [
        b',"weight":0.0000}', b',"weight":1.0000}', b',"weight":1.2345}', b',"weight":2.0000}',
    ]  # fmt: skip


def test_a_factor_is_told_in_the_fewest_digits(batch: Batch) -> None:
    assert [float(text) for text in filled(FactorPiece(0), batch)] == [0.1, 1e-7, 2.0, 0.0]
    assert filled(FactorPiece(0), batch)[0] == b"0.1"
    batch.factors = None
    with pytest.raises(ValueError, match="factors"):
        filled(FactorPiece(0), batch)


def test_neighbouring_constants_are_one() -> None:
    when = parse_value("t")
    pieces: list[Piece] = [
        TextPiece(b"a"),
        TextPiece(b"b"),
        ValuePiece("t"),
        TextPiece(b"c"),
        TextPiece(b"d", when),
        TextPiece(b"e", when),
    ]
    assert joined(pieces) == [TextPiece(b"ab"), ValuePiece("t"), TextPiece(b"c"), TextPiece(b"de", when)]


def test_a_span_beyond_its_file_is_refused_before_it_is_read(batch: Batch) -> None:
    batch.source.spans = batch.source.spans + np.uint64(10_000)
    with pytest.raises(CorruptError):
        filled(ValuePiece("n"), batch)
