"""Where values lie, as read from memory: the same bytes as the decoder gives out."""

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from themisdb_datasets.engine.kernels.raw_values import Record, places
from themisdb_datasets.engine.shards.spans import FieldTable
from themisdb_datasets.engine.sources.jsonl import LineScanner

VALUES = st.sampled_from(
    ["1", "-0.5e3", "true", "null", '"ä\\n"', '""', '[1, "}"]', "{}", '{"in": {"x": 1}}']
)
INNER = st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES, max_size=3).map(
    lambda members: "{" + ", ".join(f'"{name}":{value}' for name, value in members.items()) + "}"
)
OBJECTS = st.dictionaries(st.sampled_from(["id", "text", "ä", 'a"b']), VALUES | INNER, max_size=4)


def values(record: Record, lines: bytes) -> list[list[bytes]]:
    offsets, lengths = record.places(lines, lines)
    return [
        [lines[a : a + b] for a, b in zip(*row, strict=True)]
        for row in zip(offsets.tolist(), lengths.tolist(), strict=True)
    ]


def test_places_of_raw_values_are_where_they_were_decoded_from() -> None:
    data = b'[1, "two", [3], {"four": 4}, null]'
    offsets, lengths = places(msgspec.json.decode(data, type=list[msgspec.Raw]), data)
    found = [data[a : a + b] for a, b in zip(offsets.tolist(), lengths.tolist(), strict=True)]
    assert found == [b"1", b'"two"', b"[3]", b'{"four": 4}', b"null"]


@pytest.mark.parametrize("num", [1, 2, 10, 11, 120])
def test_a_record_finds_each_of_any_number_of_names(num: int) -> None:
    names = [f"name {number}" for number in reversed(range(num))]
    line = json.dumps({name: name for name in sorted(names)}).encode()
    (found,) = values(Record(names), line)
    assert found == [json.dumps(name).encode() for name in names]


def test_a_record_tells_what_is_absent_and_takes_the_last_of_two() -> None:
    assert values(Record(["a", "ö"]), b'{}\n{"\xc3\xb6": [1]}\n{"a":1, "a" : 22}\n{"\\u0061":3}') == [
        [b"", b""],
        [b"", b"[1]"],
        [b"22", b""],
        [b"3", b""],
    ]


@pytest.mark.parametrize("line", [b'{"b": 1}', b"[]", b'"a"', b'{"a": 1', b'{"a": tru}', b'{"a": 1}}'])
def test_a_record_refuses_what_is_no_object_of_its_names(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        Record(["a"]).places(line, line)


@pytest.mark.parametrize("names", [[], ["a", "a"], ['a"b'], ["a\\b"], ["\n"], ["\ud800"]])
def test_names_that_no_record_can_have_are_refused(names: list[str]) -> None:
    with pytest.raises(ValueError):
        Record(names)


@given(st.lists(st.lists(OBJECTS, min_size=1, max_size=4), min_size=1, max_size=6))
def test_spans_are_those_of_the_values_however_names_come_and_go(batches: list[list[dict[str, str]]]) -> None:
    table = FieldTable()
    for batch in batches:
        lines = [
            "{" + ",".join(f" {json.dumps(name)} : {value}" for name, value in each.items()) + "}"
            for each in batch
        ]
        (block,) = LineScanner([("\n".join(lines) + "\n").encode()]).blocks()
        checked = table.check(block, 0, len(block))
        assert len(checked.rows) == len(batch)
        for row, each in enumerate(batch):
            line = lines[row].encode()
            for path, (offset, length) in zip(table.paths, checked.spans[row].tolist(), strict=True):
                told = line[offset : offset + length].decode()
                assert told == _value(each, path)
    assert int(np.count_nonzero(table.counts.sum(axis=1))) == len(table.paths)


def _value(sample: dict[str, str], path: tuple[str, ...]) -> str:
    value = sample.get(path[0], "")
    if len(path) == 1 or not value.startswith("{"):
        return value if len(path) == 1 else ""
    members = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
    return bytes(members.get(path[1], b"")).decode()
