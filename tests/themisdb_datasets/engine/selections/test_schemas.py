"""JSON Schemas of strangers: checked in bounded time, and nothing is fetched for them."""

import json
from typing import Any

import pytest

from themisdb_datasets.engine.selections.schemas import MAX_BYTES, compiled

NODE = {"$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}}}}, "$ref": "#/$defs/node"}


def of(document: Any) -> Any:
    return compiled(json.dumps(document))


def test_a_value_is_valid_or_not() -> None:
    schema = of({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}})
    assert schema.is_valid({"a": 1})
    assert not schema.is_valid({"a": "1"})
    assert not schema.is_valid({})


def test_a_schema_may_come_back_to_itself_in_one_place() -> None:
    schema = of(NODE)
    assert schema.is_valid({"next": {"next": {}}})


def test_fields_may_be_called_like_keywords() -> None:
    schema = of(
        {"properties": {"$id": {"type": "string"}, "$ref": {"type": "string"}, "enum": {"type": "null"}}}
    )
    assert schema.is_valid({"$id": "x", "$ref": "y", "enum": None})
    assert not schema.is_valid({"$ref": 1})


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"$ref": "https://example.org/schema"}, "may refer to its own parts only"),
        ({"$ref": "other.json#/a"}, "may refer to its own parts only"),
        ({"properties": {"a": {"$id": "https://example.org"}}}, r"it has \$id"),
        ({"allOf": [{"$dynamicRef": "#node"}]}, r"it has \$dynamicRef"),
        ({"$ref": "#/$defs/nothing"}, "which it does not have"),
        ({"items": {"$ref": "#/allOf/7"}, "allOf": [{}]}, "which it does not have"),
        (
            {"$defs": {"a": {"allOf": [{"not": {"$ref": "#/$defs/a"}}, {"not": {"$ref": "#/$defs/a"}}]}}, "$ref": "#/$defs/a"},
            "comes back to itself in more than one place",
        ),
        ({"anyOf": [{"type": "null"}] * 10_001}, "more than 10,000 steps"),
        ({"enum": ["x" * MAX_BYTES]}, "larger than 256 KiB"),
        ({"type": "no such type"}, "no such type"),
        ({"pattern": "(?:a{1000}){1000}"}, "."),
    ],
)  # fmt: skip
def test_what_would_not_end_or_looks_elsewhere_is_refused(document: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        of(document)


def test_references_that_double_with_every_step_are_given_up() -> None:
    chain = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    with pytest.raises(ValueError, match="steps"):
        of({"$defs": {**chain, "d40": {}}, "$ref": "#/$defs/d0"})
