"""What a dry run says of the lines' fields is true of every line that is then streamed."""

import json
from typing import Any

import pytest

from tests.exports.conftest import Ask, text
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.datasets.models import Version
from themisdb_datasets.huggingface.typed_lines import TypedLines

SAMPLES: list[dict[str, Any]] = [
    {"id": "1", "question": "Wie?", "answer": "So", "year": 1974, "score": 1, "on": True, "meta": {"slug": "a"}},
    {"id": "2", "question": "Was?", "answer": "Das", "year": 1975, "score": 1.5, "meta": {"slug": 7}, "tags": ["a"]},
    {"id": "3", "question": None, "answer": "Nichts", "year": 1976, "mixed": "x", "big": 1 << 70, "nothing": None},
    {"id": "4", "question": "Wo?", "context": "Hier", "answer": "Da", "year": 1977, "mixed": 2, "big": 1},
]  # fmt: skip
NESTED = {"object", "list"}


@pytest.fixture
def version(ingest: Ingest) -> Version:
    job = ingest(SAMPLES)
    assert job.state == "succeeded"
    return Version.objects.get()


def told(ask: Ask, **body: Any) -> Any:
    response: Any = ask(dataset="Gesetze", **body, dry_run=True)
    assert response.status_code == 200, response.content
    return response.json()


def kinds(fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        field["name"]: kinds(field["fields"]) if field["kind"] in NESTED else field["kind"]
        for field in fields
    }


def fits(value: Any, field: dict[str, Any]) -> bool:
    if value is None or field["kind"] == "json":
        return True
    if field["kind"] == "list":
        return all(fits(each, {**field, "kind": "object"}) for each in value)
    if field["kind"] == "object":
        known = {each["name"]: each for each in field["fields"]}
        return all(name in known and fits(each, known[name]) for name, each in value.items())
    kind: Any = {"text": str, "int64": int, "double": (int, float), "bool": bool}[field["kind"]]
    return isinstance(value, kind)


FORMATS = (
    "instruction_tuning", "chat_completion", "text_completion", "raw", "preference",
    "alpaca", "sharegpt", "chatml", "openai",
)  # fmt: skip
MAPPINGS: list[dict[str, str]] = [
    {"text_field": "answer", "chosen_field": "answer", "rejected_field": "question"},
    {"output_field": "mixed", "text_field": "year", "chosen_field": "score", "rejected_field": "year"},
    {
        "output_field": "score",
        "system_field": "meta.slug",
        "text_field": "{year}: {mixed}",
        "rejected_field": "id",
    },
    {
        "output_field": "tags",
        "text_field": "on",
        "prompt_field": "on",
        "input_field": "big",
        "rejected_field": "tags",
    },
]


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_every_line_has_these_fields_of_these_kinds(
    version: Version, ask: Ask, mapping: dict[str, str]
) -> None:
    for form in FORMATS:
        given = {"chosen_field": "answer", **mapping}
        body: dict[str, Any] = {"format": form, "field_mapping": given}
        body["quality_filters"] = {"skip_empty_outputs": False}
        if form != "raw":
            body["metadata_fields"] = ["year", "mixed", "meta", "big"]
            body["weighting"] = {"enable_weights": True}
        fields = told(ask, **body)["fields"]
        sent = text(ask(dataset="Gesetze", **body))
        got = [json.loads(line) for line in sent.splitlines()]
        assert len(got) == len(list(TypedLines(fields).read(sent.encode()))) == 4
        for line in got:
            assert fits(line, {"kind": "object", "fields": fields}), (form, line, kinds(fields))
            order = [field["name"] for field in fields if field["name"] in line]
            assert form == "raw" or list(line) == order


def test_a_kind_is_as_narrow_as_all_values_allow(version: Version, ask: Ask) -> None:
    raw = told(ask, format="raw")["fields"]
    assert kinds(raw) == {
        "id": "text", "question": "text", "answer": "text", "year": "int64", "score": "json", "on": "bool",
        "meta": "json", "tags": "json", "mixed": "json", "big": "json", "nothing": "json", "context": "text",
    } | {"score": "double"}  # fmt: skip
    tuned = told(
        ask, field_mapping={"output_field": "year"}, metadata_fields=["meta.slug", "score"], explain=True
    )
    assert kinds(tuned["fields"]) == {
        "instruction": "text", "input": "text", "output": "int64", "weight": "double",
        "weight_factors": {"explicit": "double"}, "metadata": {"meta.slug": "json", "score": "double"},
    }  # fmt: skip
    chat = told(ask, format="chat_completion", include_metadata=False)
    assert kinds(chat["fields"]) == {"messages": {"role": "text", "content": "text"}, "weight": "double"}
    assert tuned["title"] == chat["title"] == "Gesetze 1"


def test_raw_lines_with_more_fields_than_are_counted_have_no_kinds(ask: Ask, ingest: Ingest) -> None:
    wide = {f"f{number}": number for number in range(300)}
    assert ingest([{"id": "w", "question": "Wie?", "answer": 1, **wide}]).state == "succeeded"
    assert told(ask, format="raw")["fields"] is None
    assert kinds(told(ask)["fields"])["output"] == "json"
