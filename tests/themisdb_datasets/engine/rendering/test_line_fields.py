"""The fields of a format's lines, and the kinds that all their values have."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.versions import make_version
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.rendering.line_fields import line_fields
from themisdb_datasets.engine.versions.version import OpenVersion

SAMPLES: tuple[list[dict[str, Any]], ...] = (
    [{"q": "a", "n": 1, "x": 1, "some": 3}, {"q": "b", "n": 2, "x": 2}],
    [{"q": "c", "n": 2.5, "x": "three", "some": None}],
)


@pytest.fixture
def version(tmp_path: Path) -> OpenVersion:
    return make_version(tmp_path, *SAMPLES)


def kinds(form: Format, version: OpenVersion) -> dict[str, str]:
    return {field["name"]: field["kind"] for field in line_fields(form, version) or []}


def test_a_kind_holds_the_values_of_all_shards(version: OpenVersion) -> None:
    assert kinds(Format("raw", weight=False), version) == {
        "q": "text", "n": "double", "x": "json", "some": "int64",
    }  # fmt: skip


def test_a_mapped_value_may_be_an_empty_text_where_its_field_is_absent(version: OpenVersion) -> None:
    for source, kind in (
        ("q", "text"),
        ("n", "double"),
        ("some", "json"),
        ("{n}", "text"),
        ("nothing", "text"),
    ):
        form = Format("text_completion", {"text": parse_value(source)}, weight=False)
        assert kinds(form, version) == {"text": kind}, source


def test_weights_factors_and_metadata_stand_at_the_end(version: OpenVersion) -> None:
    form = Format("text_completion", {"text": parse_value("q")}, ("n", "x"), weight=True, explain=("age",))
    found = line_fields(form, version)
    assert found is not None
    assert found[1:] == [
        {"name": "weight", "kind": "double"},
        {"name": "weight_factors", "kind": "object", "fields": [{"name": "age", "kind": "double"}]},
        {
            "name": "metadata", "kind": "object",
            "fields": [{"name": "n", "kind": "double"}, {"name": "x", "kind": "json"}],
        },
    ]  # fmt: skip


def test_turns_are_a_list_of_objects_unless_the_corpus_has_them_as_such(version: OpenVersion) -> None:
    mapping = {"user": parse_value("q"), "assistant": parse_value("n")}
    (turns,) = line_fields(Format("sharegpt", mapping, weight=False), version) or []
    assert (turns["name"], turns["kind"]) == ("conversations", "list")
    assert turns["fields"] == [{"name": "from", "kind": "text"}, {"name": "value", "kind": "json"}]
    (whole,) = line_fields(Format("openai", {"messages": parse_value("x")}, weight=False), version) or []
    assert whole == {"name": "messages", "kind": "json"}


def test_alpaca_always_has_an_input(version: OpenVersion) -> None:
    form = Format("alpaca", {"instruction": parse_value("q"), "output": parse_value("q")}, weight=False)
    assert list(kinds(form, version)) == ["instruction", "input", "output"]


def test_fields_that_nobody_has_counted_have_no_kind(tmp_path: Path) -> None:
    lines = [json.dumps({"q": "a", **{f"f{n}": n for n in range(300)}}).encode()]
    version = make_version(tmp_path, lines)
    assert line_fields(Format("raw", weight=False), version) is None
    assert kinds(Format("text_completion", {"text": parse_value("f299")}, weight=False), version) == {
        "text": "json"
    }
