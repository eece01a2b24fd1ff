"""Where values lie, as read from memory: the same bytes as the decoder gives out."""

import json

import msgspec
import pytest

from themisdb_datasets.engine.kernels.raw_values import Record, places


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
