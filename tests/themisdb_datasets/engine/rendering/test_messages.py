"""Conversations in either shape become the one that a format has, their texts as they were spelled."""

import json

import pytest

from themisdb_datasets.engine.rendering.messages import END, START, Shape, conversation, converted, inside
from themisdb_datasets.engine.shards.reasons import MAX_DEPTH

OPENAI = rb'[{"role":"user","content":"H\u00e4?"},{"role":"assistant","content":1.10}]'
SHAREGPT = rb'[{"from":"human","value":"H\u00e4?"},{"from":"gpt","value":1.10}]'


def held(raw: bytes) -> bytes:
    """The same as a text that holds it."""
    return json.dumps(raw.decode()).encode()


@pytest.mark.parametrize(
    ("raw", "shape", "expected"),
    [
        (OPENAI, "openai", None),
        (SHAREGPT, "sharegpt", None),
        (OPENAI, "sharegpt", SHAREGPT),
        (SHAREGPT, "openai", OPENAI),
        (held(OPENAI), "openai", OPENAI),
        (held(SHAREGPT), "openai", OPENAI),
        (b'[{"from":"system","value":null}]', "openai", b'[{"role":"system","content":null}]'),
        (b'[{"from":"bard","value":[1]}]', "openai", b'[{"role":"assistant","content":[1]}]'),
    ],
)
def test_a_conversation_takes_another_shape_and_keeps_its_spelling(
    raw: bytes, shape: Shape, expected: bytes | None
) -> None:
    assert converted(raw, shape) == expected


def test_messages_that_have_the_shape_keep_all_they_have() -> None:
    more = b'[{"role":"user","content":"a","weight":0}]'
    assert converted(more, "openai") is None
    assert converted(held(more), "openai") == more
    assert converted(more, "sharegpt") == b'[{"from":"human","value":"a"}]'


@pytest.mark.parametrize(
    "raw",
    [b"", b"null", b"3", b'"x"', b'"[1]"', b"[]", b'"[]"', b"{}", b"[1]", b'[{"role":"user"}]', b'[{"content":"a"}]',
     b'[{"from":"human"}]', b'[{"role":1,"content":"a"}]', held(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))],
)  # fmt: skip
def test_what_is_no_conversation_comes_out_as_an_empty_one(raw: bytes) -> None:
    assert conversation(raw) is None
    assert converted(raw, "openai") == converted(raw, "sharegpt") == b"[]"
    assert converted(raw, "chatml") == b""


def test_in_one_text_each_turn_has_its_marks() -> None:
    expected = f"{START}user\nHä?{END}\n{START}assistant\n1.10{END}\n"
    for raw in (OPENAI, SHAREGPT, held(OPENAI)):
        text = converted(raw, "chatml")
        assert text is not None
        assert json.loads(b'"' + text + b'"') == expected
    assert rb"H\u00e4?" in (converted(OPENAI, "chatml") or b""), "as it was spelled"


def test_a_value_stands_inside_a_text() -> None:
    for raw, expected in (
        (b'"a\\n"', b"a\\n"),
        (b"null", b""),
        (b"1.10", b"1.10"),
        (b'{"a":"b"}', rb"{\"a\":\"b\"}"),
    ):
        assert bytes(inside(memoryview(raw))) == expected
