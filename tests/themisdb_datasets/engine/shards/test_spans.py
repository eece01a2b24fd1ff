"""Spans of values in lines, however their names come and go."""

import json

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from themisdb_datasets.engine.shards.spans import FieldTable
from themisdb_datasets.engine.sources.jsonl import LineScanner

VALUES = st.sampled_from(
    ["1", "-0.5e3", "true", "null", '"ä\\n"', '""', '[1, "}"]', "{}", '{"in": {"x": 1}}']
)


INNER = st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES, max_size=3).map(
    lambda members: "{" + ", ".join(f'"{name}":{value}' for name, value in members.items()) + "}"
)


OBJECTS = st.dictionaries(st.sampled_from(["id", "text", "ä", 'a"b']), VALUES | INNER, max_size=4)


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
