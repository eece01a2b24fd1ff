"""Lines as objects of the kinds that their plan declares."""

import pickle
from typing import Any

import pytest

from themisdb_datasets.errors import CorruptError
from themisdb_datasets.huggingface.typed_lines import TypedLines

FIELDS: list[dict[str, Any]] = [
    {"name": "instruction", "kind": "text"},
    {"name": "year", "kind": "int64"},
    {"name": "weight", "kind": "double"},
    {"name": "any", "kind": "json"},
    {"name": "metadata", "kind": "object", "fields": [{"name": "§ a", "kind": "json"}, {"name": "on", "kind": "bool"}]},
    {"name": "messages", "kind": "list", "fields": [{"name": "role", "kind": "text"}, {"name": "content", "kind": "json"}]},
]  # fmt: skip


def read(*lines: bytes) -> list[dict[str, Any]]:
    return list(TypedLines(FIELDS).read(b"".join(line + b"\n" for line in lines)))


def test_values_are_read_as_their_kind_and_json_keeps_its_spelling() -> None:
    found = read(
        b'{"instruction":"\xc3\xa4","year":1974,"weight":1,"any":"12","metadata":{"\xc2\xa7 a":[1.0],"on":true}}',
        b'{"any":12,"messages":[{"role":"user","content":1.50},{"role":"x","content":null}],"unknown":1}',
        rb'{"any":null,"metadata":{"\u00a7 a":"\u00e4"},"instruction":null,"year":-9007199254740993}',
        b"{}",
    )
    nothing = dict.fromkeys(("instruction", "year", "weight", "any", "metadata", "messages"))
    assert found == [
        {
            **nothing,
            "instruction": "ä",
            "year": 1974,
            "weight": 1.0,
            "any": '"12"',
            "metadata": {"§ a": "[1.0]", "on": True},
        },
        {
            **nothing,
            "any": "12",
            "messages": [{"role": "user", "content": "1.50"}, {"role": "x", "content": None}],
        },
        {**nothing, "metadata": {"§ a": r'"\u00e4"', "on": None}, "year": -9007199254740993},
        nothing,
    ]
    assert isinstance(found[0]["weight"], float), "and not 1"


@pytest.mark.parametrize("line", [b'{"year":"1974"}', b'{"year":1.5}', b'{"metadata":{"on":1}}', b'{"year":'])
def test_a_line_that_is_not_what_its_plan_declares_is_an_error(line: bytes) -> None:
    with pytest.raises(CorruptError, match="declares"):
        read(line)


def test_without_declared_fields_values_are_as_they_come() -> None:
    assert list(TypedLines(None).read(b'{"a":1}\n{"a":"x","b":[1]}\n')) == [{"a": 1}, {"a": "x", "b": [1]}]


def test_it_goes_to_other_processes() -> None:
    again = pickle.loads(pickle.dumps(TypedLines(FIELDS)))
    assert next(again.read(b'{"any":"x"}\n'))["any"] == '"x"'
