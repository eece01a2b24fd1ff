"""JSON arrays as lines: each element as it stands."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.themisdb_datasets.engine.sources.conftest import TEXTS, ingested, rejects
from themisdb_datasets.engine.sources.json_arrays import array_lines
from themisdb_datasets.errors import MalformedError

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
