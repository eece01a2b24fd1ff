"""Fields of samples: in order of appearance, at most 256, members by dotted names."""

import json
from pathlib import Path

from tests.themisdb_datasets.ingesting import columns_of, ingest_bytes, kinds_of
from themisdb_datasets.engine.shards.fields import MAX_FIELDS


def test_fields_stand_in_the_order_of_first_appearance(tmp_path: Path) -> None:
    lines = [b'{"b":1,"o":{"z":1},"a":2}', b'{"c":1,"o":{"y":{"deep":1},"z":2}}', b'{"o":7}']
    shard = ingest_bytes(tmp_path, b"\n".join(lines)).shard
    assert [field.name for field in shard.fields] == ["b", "o", "o.z", "a", "c", "o.y"]
    assert [field.column for field in shard.fields] == ["c0", "c1", "c2", "c3", "c4", "c5"]
    assert kinds_of(shard)["o"] == "text"
    assert columns_of(shard)["o"] == ['{"z":1}', '{"y":{"deep":1},"z":2}', "7"]
    assert columns_of(shard)["o.y"] == [None, '{"deep":1}', None]
    assert shard.field("o.z") == shard.fields[2]
    assert shard.field("nothing") is None


def test_a_field_with_a_dot_in_its_name_wins_over_a_member(tmp_path: Path) -> None:
    lines = [b'{"a":{"b":1,"c":2}}', b'{"a.b":"top"}', b'{"a":{"b":3},"a.b":"both"}']
    shard = ingest_bytes(tmp_path, b"\n".join(lines)).shard
    assert [(field.name, field.path) for field in shard.fields] == [
        ("a", ("a",)),
        ("a.c", ("a", "c")),
        ("a.b", ("a.b",)),
    ]
    assert columns_of(shard)["a.b"] == [None, "top", "both"]
    assert shard.field("a.b").absent == 1  # type: ignore[union-attr]


def test_beyond_256_fields_the_rest_goes_into_one_column(tmp_path: Path) -> None:
    first = {f"f{n}": n for n in range(250)}
    second = {"o": {f"m{n}": n for n in range(10)}, "late": "L\u00e4rm", "f0": 1}
    shard = ingest_bytes(tmp_path, (json.dumps(first) + "\n" + json.dumps(second)).encode()).shard
    assert len(shard.fields) == MAX_FIELDS
    assert shard.spans.shape == (2, MAX_FIELDS, 2)
    assert [field.name for field in shard.fields[249:]] == [
        "f249",
        "o",
        "o.m0",
        "o.m1",
        "o.m2",
        "o.m3",
        "o.m4",
    ]
    assert shard.rest_column == "c256"
    values = columns_of(shard)
    assert values["(rest)"] == [None, '{"late":"Lärm"}']
    assert json.loads(values["o"][1]) == second["o"]


def test_members_beyond_the_limit_are_in_their_object_and_need_no_rest(tmp_path: Path) -> None:
    sample = {f"f{n}": n for n in range(250)} | {"o": {f"m{n}": n for n in range(10)}}
    shard = ingest_bytes(tmp_path, json.dumps(sample).encode()).shard
    assert (len(shard.fields), shard.rest_column) == (MAX_FIELDS, None)
