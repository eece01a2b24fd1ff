"""Checks of values that no column can answer, on what would be delivered."""

from pathlib import Path

import numpy as np
import pytest

from tests.versions import make_version
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.selections.checks import (
    BLOCK,
    Check,
    Checker,
    Conversation,
    parse_check,
    parse_schema,
)
from themisdb_datasets.errors import MalformedError

TALK = [{"role": "user", "content": "?"}]
NUMBER = parse_schema({"type": "number"}, of=parse_value("v"), rejects=True, place="output_schema")


def passing(folder: Path, check: Check, *values: object) -> list[bool]:
    version = make_version(folder, [{"v": value} for value in values])
    passes: list[bool] = Checker(check, version).passes(np.arange(len(values))).tolist()
    return passes


def test_a_conversation_is_a_list_of_messages_or_a_text_that_holds_one(tmp_path: Path) -> None:
    check = Conversation(parse_value("v"))
    held = '[{"from": "human", "value": "?"}]'
    assert passing(tmp_path, check, TALK, held, [], "[]", "?", [{"role": "user"}], None, 3) == [
        True, True, False, False, False, False, False, False,
    ]  # fmt: skip


def test_a_text_satisfies_a_schema_by_itself_or_by_the_json_that_it_holds(tmp_path: Path) -> None:
    assert passing(tmp_path, NUMBER, 1, "2", "two", [3], None) == [True, True, False, False, False]
    text = parse_schema({"type": "string"}, of=parse_value("v"), rejects=True, place="output_schema")
    assert passing(tmp_path, text, "2", "two", 2) == [True, True, False]


def test_more_samples_than_a_block_are_each_checked(tmp_path: Path) -> None:
    values = [number if number % 3 else str(number) * 3 + "x" for number in range(BLOCK + 10)]
    assert passing(tmp_path, NUMBER, *values) == [bool(number % 3) for number in range(BLOCK + 10)]


def test_a_check_is_written_and_read_again() -> None:
    for check in (Conversation(parse_value("v")), NUMBER):
        assert parse_check(check.to_document()) == check


def test_a_schema_that_is_none_is_named_with_its_place() -> None:
    with pytest.raises(MalformedError) as caught:
        parse_schema({"type": "nomber"}, of=parse_value("v"), rejects=True, place="output_schema")
    assert list(caught.value.fields) == ["output_schema"]
