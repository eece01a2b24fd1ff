"""From a request to its format: which field fills which role."""

import pytest

from tests.exports.conftest import TURNS, Ask, answer, lines
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.datasets.models import Dataset, Version

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")


def test_turns_that_are_named_win_over_the_datasets_conversations(
    dataset: Dataset, ingest: Ingest, ask: Ask
) -> None:
    assert ingest([{"talk": TURNS, "q": "Was?", "a": "Das."}]).state == "succeeded"
    dataset.field_mapping = {"messages_field": "talk"}
    dataset.save()
    assert lines(ask(dataset=dataset.name, format="openai")) == [{"messages": TURNS}]
    named = {"user_field": "q", "assistant_field": "a"}
    (line,) = lines(ask(dataset=dataset.name, format="openai", field_mapping=named))
    assert [message["content"] for message in line["messages"]] == ["Was?", "Das."]


def test_what_a_format_cannot_do_is_said(version: Version, ask: Ask) -> None:
    raw = ask(theme="Lärm", format="raw", structured={"json_schema": {}})
    assert (raw.status_code, list(answer(raw)["fields"])) == (400, ["structured"])
    typo = ask(theme="Lärm", structured={"json_schem": {}})
    assert "did you mean 'json_schema'" in answer(typo)["error"]
    none = ask(theme="Lärm", format="preference")
    assert (none.status_code, list(answer(none)["fields"])) == (422, ["field_mapping.chosen_field"])
    template = ask(theme="Lärm", format="openai", field_mapping={"messages_field": "{tags}"})
    assert (template.status_code, list(answer(template)["fields"])) == (400, ["field_mapping.messages_field"])
