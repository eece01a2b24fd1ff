"""Formats and presets as a stream's clients get them, and JSON Schemas for what they learn to say."""

import json
from typing import Any

import pytest

from tests.exports.conftest import TURNS, Ask, answer, lines
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.datasets.models import Dataset, Version

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
TALK = [{"from": "human", "value": "Hallo?"}, {"from": "gpt", "value": "Ja."}]
HELD = json.dumps(TALK, indent=1)
EMPTY: list[Any] = [[], "Hallo", None, [{"role": "user"}], [3], {"role": "user", "content": "x"}]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ({"format": "alpaca"}, {"instruction": "Wie laut?", "input": "Nachts", "output": "40 dB"}),
        (
            {"format": "openai"},
            {"messages": [{"role": "user", "content": "Wie laut?\n\nNachts"}, {"role": "assistant", "content": "40 dB"}]},
        ),
        (
            {"format": "sharegpt", "field_mapping": {"system_field": "{domain}recht", "input_field": ""}},
            {"conversations": [{"from": "system", "value": "Umweltrecht"}, {"from": "human", "value": "Wie laut?"},
                               {"from": "gpt", "value": "40 dB"}]},
        ),
        (
            {"format": "openai", "field_mapping": {"user_field": "{question}!", "input_field": "source"}},
            {"messages": [{"role": "user", "content": "Wie laut?!\n\nTA Lärm"}, {"role": "assistant", "content": "40 dB"}]},
        ),
        (
            {"format": "chatml", "field_mapping": {"user_field": "question"}},
            {"text": "<|im_start|>user\nWie laut?<|im_end|>\n<|im_start|>assistant\n40 dB<|im_end|>\n"},
        ),
        (
            {"format": "alpaca", "weighting": {"enable_weights": True}, "metadata_fields": ["id"]},
            {"instruction": "Wie laut?", "input": "Nachts", "output": "40 dB", "weight": 1.5, "metadata": {"id": 1}},
        ),
        (
            {"format": "preference", "include_metadata": False,
             "field_mapping": {"chosen_field": "answer", "rejected_field": "{source}!"}},
            {"prompt": "Wie laut?", "chosen": "40 dB", "rejected": "TA Lärm!", "weight": 1.5},
        ),
    ],
)  # fmt: skip
def test_a_format_has_the_keys_that_its_trainers_know(
    version: Version, ask: Ask, body: dict[str, Any], line: dict[str, Any]
) -> None:
    assert lines(ask(theme="Lärm", limit=1, **body)) == [line]


@pytest.mark.parametrize(
    ("name", "key", "wanted"),
    [
        ("chat_completion", "messages", TURNS),
        ("openai", "messages", TURNS),
        ("sharegpt", "conversations", TALK),
    ],
)
def test_conversations_come_in_the_formats_own_shape(
    dataset: Dataset, ingest: Ingest, ask: Ask, name: str, key: str, wanted: Any
) -> None:
    samples = [{"talk": talk} for talk in (TALK, TURNS, TALK[:1] + TURNS[1:], HELD, *EMPTY)]
    assert ingest(samples).state == "succeeded"
    body = {"dataset": dataset.name, "format": name, "field_mapping": {"messages_field": "talk"}}
    assert [line[key] for line in lines(ask(**body))] == [wanted] * 4
    # What is no conversation is left out, and counted; null is empty before that.
    assert ask(**body)["X-Themis-Num-Invalid"] == str(len(EMPTY) - 1)
    assert answer(ask(**body, dry_run=True))["num_invalid"] == len(EMPTY) - 1


def test_a_conversation_in_one_text_has_its_special_tokens(
    dataset: Dataset, ingest: Ingest, ask: Ask
) -> None:
    talk = [{"role": "system", "content": 'Sei "knapp"\n'}, *TURNS]
    assert ingest([{"talk": talk}]).state == "succeeded"
    (line,) = lines(ask(dataset=dataset.name, format="chatml", field_mapping={"messages_field": "talk"}))
    assert line == {
        "text": '<|im_start|>system\nSei "knapp"\n<|im_end|>\n<|im_start|>user\nHallo?<|im_end|>\n'
        "<|im_start|>assistant\nJa.<|im_end|>\n"
    }


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
OUTPUTS = ['{"n": 1}', {"n": 12345678901234567890123}, '{"n": 0}', '{"n": 1', "n", 5, [{"n": 1}], {"m": 1}]


@pytest.mark.parametrize(
    ("schema", "kept"),
    [
        (SCHEMA, [0, 1]),
        ({"type": "string"}, [0, 2, 3, 4]),
        ({"enum": [5, "n"]}, [4, 5]),
        ({"anyOf": [{"$ref": "#/$defs/list"}], "$defs": {"list": {"type": "array"}}}, [6]),
        ({"pattern": "^(n+)+$"}, [1, 0, 4, 5, 6, 7, 2]),
        ({"type": ["object", "array"], "items": {"$ref": "#"}}, [0, 1, 2, 6, 7]),
        ({"type": "object", "properties": {"n": {"const": 1}, "id": {"default": {"id": "x"}}}}, [0, 7]),
        (True, list(range(8))),
        (False, []),
    ],
)
def test_outputs_that_break_the_schema_are_left_out_or_only_counted(
    dataset: Dataset, ingest: Ingest, ask: Ask, schema: Any, kept: list[int]
) -> None:
    assert (
        ingest([{"question": str(n), "answer": output} for n, output in enumerate(OUTPUTS)]).state
        == "succeeded"
    )
    structured = {"json_schema": schema}
    response = ask(dataset=dataset.name, structured=structured)
    assert [int(line["instruction"]) for line in lines(response)] == sorted(kept)
    assert response["X-Themis-Num-Invalid"] == str(len(OUTPUTS) - len(kept))
    counted = ask(dataset=dataset.name, structured={**structured, "reject_invalid": False})
    assert counted["X-Themis-Num-Invalid"] == response["X-Themis-Num-Invalid"]
    assert len(lines(counted)) == len(OUTPUTS)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"$ref": "http://127.0.0.1:1/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"properties": {"a": {"$ref": "https://example.com/a"}}},
        {"pattern": "["},
        {"pattern": "(?=a)a"},
        {"pattern": "((a{1,1000}){1,1000}){1,1000}"},
        {"$schema": "http://example.com/draft"},
        {"description": "x" * 300_000},
        {"$ref": "#/$defs/none"},
        {"$id": "http://example.com/", "type": "object"},
        {"$ref": "#/$defs/a13", "$defs": {"a0": {"type": "object"}} | {
            f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n - 1}"}] * 2} for n in range(1, 40)}},
        {"allOf": [{"properties": {"a": {"$ref": "#"}}}] * 2},
        {"$ref": "#/$defs/a39", "$defs": {"a0": {}} | {
            f"a{n}": {"properties": {"const": {"allOf": [{"$ref": f"#/$defs/a{n - 1}"}] * 2}}} for n in range(1, 40)}},
    ],
)  # fmt: skip
def test_a_schema_that_is_none_or_looks_elsewhere_is_refused(version: Version, ask: Ask, schema: Any) -> None:
    response = ask(theme="Lärm", structured={"json_schema": schema})
    assert response.status_code == 400, answer(response)
    assert list(answer(response)["fields"]) == ["structured.json_schema"]


def test_outputs_that_cannot_be_read_break_any_schema(dataset: Dataset, ingest: Ingest, ask: Ask) -> None:
    deep = "[" * 5_000 + "]" * 5_000
    outputs = ["1e999", deep, {"text": "ok"}]
    assert (
        ingest([{"question": str(n), "answer": output} for n, output in enumerate(outputs)]).state
        == "succeeded"
    )
    response = ask(dataset=dataset.name, structured={"json_schema": {"type": ["object", "number", "array"]}})
    assert [line["instruction"] for line in lines(response)] == ["2"]
