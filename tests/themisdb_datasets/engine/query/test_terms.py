"""The parts of an expression: what each becomes as SQL of the type that its place wants, and how large it is."""

import math
from pathlib import Path
from typing import Any

import pytest

from tests.versions import make_version
from themisdb_datasets.engine.query.duck import connect
from themisdb_datasets.engine.query.terms import Call, Choice, Constant, FieldTerm, Instant, Node, Type

SAMPLE = {"n": 3, "t": "2.5", "word": "x", "yes": True, "when": "2021-06-01T12:00:00Z", "far": 1e300}


def value(folder: Path, node: Node, want: Type) -> Any:
    """What the part is of the sample."""
    version = make_version(folder, [SAMPLE])
    query = version.query(0)
    statement = f"SELECT {node.sql(query, want)} FROM {query.source()}"
    with connect(version.folders) as connection:
        row = connection.execute(statement, query.arguments(statement)).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("node", "want", "expected"),
    [
        (FieldTerm("n"), "number", 3.0),
        (FieldTerm("n"), "text", "3"),
        (FieldTerm("t"), "number", 2.5),
        (FieldTerm("word"), "number", None),
        (FieldTerm("yes"), "boolean", True),
        (FieldTerm("word"), "boolean", None),
        (FieldTerm("nothing"), "text", None),
        (Constant("7", "text"), "number", 7.0),
        (Constant("x", "text"), "number", None),
        (Constant(True, "boolean"), "text", "true"),
        (Constant(None, None), "number", None),
        (Call("({0} * {1})", ((FieldTerm("n"), "number"), (Constant(2.0, "number"), "number")), "number"), "number", 6.0),
        (Call("upper({0})", ((FieldTerm("word"), "text"),), "text"), "text", "X"),
        (Choice("CASE WHEN {0} THEN {1} ELSE {2} END", (FieldTerm("yes"),), (FieldTerm("n"), FieldTerm("word")), None), "text", "3"),
        (Choice("CASE WHEN {0} THEN {1} ELSE {2} END", (FieldTerm("yes"),), (FieldTerm("n"), FieldTerm("word")), None), "number", 3.0),
        (Instant("when", year=True), "number", 2021.0),
        (Instant("when", year=False), "number", 1_622_548_800.0),
        (Instant("far", year=True), "number", None),
        (Instant("word", year=False), "number", None),
    ],
)  # fmt: skip
def test_a_part_is_read_as_its_place_wants_it(tmp_path: Path, node: Node, want: Type, expected: Any) -> None:
    found = value(tmp_path, node, want)
    assert (
        found == expected
        if expected is None or isinstance(expected, str | bool)
        else math.isclose(found, expected)
    )


def test_a_part_that_is_written_twice_counts_twice() -> None:
    node: Node = FieldTerm("n")
    sizes = []
    for _ in range(4):
        node = Call("CASE WHEN {0} > 0 THEN {0} END", ((node, "number"),), "number")
        sizes.append(node.size)
    assert sizes == [3, 7, 15, 31]
    both = Choice("COALESCE({0}, {1})", (), (node, FieldTerm("t")), None)
    assert both.size == 1 + 31 + 1


def test_a_text_is_as_wide_as_the_fields_in_it() -> None:
    pair = Call("({0} || {1})", ((FieldTerm("t"), "text"), (FieldTerm("word"), "text")), "text")
    assert pair.width == 2
    assert Call("length({0})", ((pair, "text"),), "number").width == 0
    assert Choice("COALESCE({0}, {1})", (), (pair, FieldTerm("t")), "text").width == 2
    assert Constant("long" * 100, "text").width == 0
