"""The stream as its clients see it: what is delivered, how it looks, and what the headers promise."""

import re
from typing import Any

import pytest
from rest_framework.test import APIClient

from exports.models import StoredPlan
from tests.exports.conftest import SAMPLES, Ask, lines, text
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.accounts.models import AuditEntry, User
from themis_admin.datasets import services as datasets
from themis_admin.datasets.models import Dataset, Theme, Version
from themis_admin.datasets.themes import services as themes

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")


def questions(response: Any) -> list[str]:
    return [line["instruction"] for line in lines(response)]


def test_a_theme_is_delivered_with_weights_and_metadata(version: Version, ask: Ask) -> None:
    response = ask(theme="lärm")
    assert response["Content-Type"] == "application/x-ndjson"
    assert text(response).splitlines()[:2] == [
        '{"instruction":"Wie laut?","input":"Nachts","output":"40 dB","weight":1.5000,'
        '"metadata":{"source":"TA Lärm","category":"Lärm","tags":["a", "ä"]}}',
        '{"instruction":"Wer misst?","output":"Die Behörde","weight":1.0000,'
        '"metadata":{"source":"BImSchG","category":"Lärm"}}',
    ]


def test_the_headers_pin_what_is_delivered(version: Version, ask: Ask) -> None:
    response = ask(theme="Lärm", start=1, limit=5)
    assert response["X-Themis-Version"] == version.digest
    assert re.fullmatch(r"[0-9a-f]{64}", response["X-Themis-Plan"])
    assert response["X-Themis-Num-Samples"] == "2"
    assert response["X-Themis-Cursor"] == response["X-Themis-Plan"] + ".1"
    assert questions(response) == ["Wer misst?", "Wann?"]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"theme": "Lärm", "domain": "Umwelt"}, [1, 2]),
        ({"theme": "Lärm", "domain": "Umwelt", "subject": "TA"}, [2]),
        ({"theme": "Lärm", "from_date": "2020-01-01"}, [2, 3]),
        ({"theme": "Lärm", "to_date": "2019-12-31"}, [1]),
        ({"theme": "Lärm", "to_date": "2020-01-01"}, [1, 2]),
        ({"theme": "Lärm", "from_date": "2021-06-01T10:00:00Z", "to_date": "2021-06-01T10:00:00+00:00"}, [3]),
        ({"theme": "Lärm", "from_date": "2021-06-01T12:00:01+02:00"}, []),
        ({"theme": "Daten"}, [6]),
        ({"theme": "Daten", "quality_filters": {"skip_empty_outputs": False}}, [4, 6]),
        (
            {"theme": "Daten", "from_date": "2000-01-01", "quality_filters": {"skip_empty_outputs": False}},
            [4],
        ),
        ({"dataset": "gesetze"}, [1, 2, 3, 5, 6]),
        (
            {"dataset": "Gesetze", "quality_filters": {"min_output_length": 6, "max_output_length": 100}},
            [2, 5],
        ),
        ({"dataset": "Gesetze", "start": 2, "limit": 2}, [3, 5]),
        ({"dataset": "Gesetze", "limit": 0}, []),
        ({"dataset": "Gesetze", "version": 1, "batch_size": 1}, [1, 2, 3, 5, 6]),
    ],
)
def test_it_keeps_the_samples_that_are_asked_for(
    version: Version, ask: Ask, body: dict[str, Any], wanted: list[int]
) -> None:
    got = questions(ask(**body))
    assert got == [SAMPLES[number - 1]["question"] for number in wanted]


def test_a_sample_without_the_themes_field_is_not_in_the_theme(version: Version, ask: Ask) -> None:
    for theme in ("Lärm", "Daten"):
        assert "Ohne Thema" not in questions(ask(theme=theme))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"format": "chat_completion", "include_metadata": False},
         '{"messages":[{"role":"user","content":"Wie laut?"},{"role":"assistant","content":"40 dB"}],"weight":1.5000}'),
        ({"format": "chat_completion", "include_metadata": False, "field_mapping": {"system_field": "{domain}recht"}},
         '{"messages":[{"role":"system","content":"Umweltrecht"},{"role":"user","content":"Wie laut?"},'
         '{"role":"assistant","content":"40 dB"}],"weight":1.5000}'),
        ({"format": "text_completion", "field_mapping": {"text_field": "F: {question}\nA: {answer}"},
          "metadata_fields": ["id"], "weighting": {"enable_weights": False}},
         '{"text":"F: Wie laut?\\nA: 40 dB","metadata":{"id":1}}'),
        ({"format": "raw"}, None),
        ({"metadata_fields": [], "weighting": {"weight_field": "absent", "default_weight": 0.5}},
         '{"instruction":"Wie laut?","input":"Nachts","output":"40 dB","weight":0.5000}'),
        ({"metadata_fields": [], "weighting": {"auto_weight_by_length": True, "default_weight": 1}},
         '{"instruction":"Wie laut?","input":"Nachts","output":"40 dB","weight":1.5038}'),
    ],
)  # fmt: skip
def test_a_format_looks_as_the_contract_says(
    version: Version, ask: Ask, options: dict[str, Any], line: str | None
) -> None:
    first = text(ask(theme="Lärm", limit=1, **options)).splitlines()
    if line is None:
        assert version.open().line(0).decode() == first[0]
    else:
        assert first == [line]


def test_freshness_is_a_half_at_one_half_life(version: Version, ask: Ask) -> None:
    weighting = {"auto_weight_by_freshness": True, "freshness_half_life_days": 10, "as_of": "2020-01-11"}
    weights = {line["instruction"]: line["weight"] for line in lines(ask(theme="Lärm", weighting=weighting))}
    assert weights["Wer misst?"] == 0.5
    assert weights["Wann?"] == 1.0  # the future
    assert weights["Wie laut?"] == pytest.approx(1.5 * 0.5, abs=1e-4)


def test_without_as_of_a_plan_is_the_same_whenever_it_is_asked_for(version: Version, ask: Ask) -> None:
    body = {"theme": "Lärm", "weighting": {"auto_weight_by_freshness": True}}
    assert ask(**body)["X-Themis-Plan"] == ask(**body)["X-Themis-Plan"]
    assert text(ask(**body)) == text(ask(**body))


def test_a_cursor_alone_goes_on_after_a_new_version_and_without_the_theme(
    version: Version, ask: Ask, ingest: Ingest, alice: User
) -> None:
    whole = ask(theme="Lärm", weighting={"auto_weight_by_freshness": True})
    before = text(whole).splitlines()
    assert (
        ingest([{"id": 7, "category": "Lärm", "question": "Neu?", "answer": "Ja"}], name="b.jsonl").state
        == "succeeded"
    )
    themes.delete_theme(Theme.objects.get(name="Lärm"), user=alice)
    again = ask(cursor=whole["X-Themis-Plan"] + ".1")
    assert text(again).splitlines() == before[1:]
    assert again["X-Themis-Version"] == version.digest
    assert text(ask(cursor=whole["X-Themis-Plan"] + ".1", limit=1)).splitlines() == before[1:2]
    past = ask(cursor=whole["X-Themis-Plan"] + ".4")
    assert (past.status_code, past.json()["code"]) == (422, "past_the_end")  # type: ignore[attr-defined]


def test_a_cursor_leads_to_other_epochs_and_orders_of_the_same_lines(ask: Ask, version: Version) -> None:
    body = {"dataset": "Gesetze", "order": "shuffled", "seed": 7}
    first = ask(**body)
    lines_of = {epoch: text(ask(**body, epoch=epoch)).splitlines() for epoch in (0, 5)}
    cursor = f"{first['X-Themis-Plan']}.1"
    fifth = ask(cursor=cursor, epoch=5)
    assert text(fifth).splitlines() == lines_of[5][1:]
    assert fifth["X-Themis-Plan"] == ask(**body, epoch=5)["X-Themis-Plan"] != first["X-Themis-Plan"]
    assert text(ask(cursor=cursor)).splitlines() == lines_of[0][1:], "and without one, to its own"
    stored = ask(cursor=cursor, order="stored")
    assert text(stored).splitlines() == text(ask(dataset="Gesetze")).splitlines()[1:]
    assert text(ask(cursor=f"{stored['X-Themis-Plan']}.2")), "which has cursors of its own"
    weighted = ask(cursor=cursor, order="weighted")
    assert weighted.status_code == 400
    assert "order" in weighted.json()["fields"]  # type: ignore[attr-defined]


def test_a_plan_that_was_looked_at_can_be_streamed_whatever_becomes_of_its_theme(
    ask: Ask, version: Version, alice: User
) -> None:
    looked = ask(theme="Lärm", dry_run=True).json()  # type: ignore[attr-defined]
    assert StoredPlan.objects.filter(digest=looked["plan"]).exists()
    theme = Theme.objects.get(name="Lärm")
    themes.update_theme(theme, user=alice, where={"field": "category", "op": "eq", "value": "Daten"})
    assert len(lines(ask(cursor=looked["cursor"]))) == looked["num_samples"]


def test_a_cursor_of_nothing_is_stale_and_of_somebody_else_too(
    version: Version, ask: Ask, as_bob: APIClient
) -> None:
    stale = ask(cursor="0" * 64 + ".0")
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_cursor")  # type: ignore[attr-defined]
    cursor = ask(theme="Lärm")["X-Themis-Cursor"]
    response = as_bob.post("/api/export/jsonl_llm/stream", {"cursor": cursor}, format="json")
    assert (response.status_code, response.json()["code"]) == (409, "stale_cursor")


def test_a_dry_run_says_what_would_be_delivered(version: Version, ask: Ask) -> None:
    plan = ask(theme="Lärm", dry_run=True).json()  # type: ignore[attr-defined]
    delivered = ask(theme="Lärm")
    assert plan["plan"] == delivered["X-Themis-Plan"]
    assert plan["num_samples"] == 3
    body = text(delivered)
    assert plan["lines"] == body.splitlines()
    assert plan["estimated_bytes"] == len(body.encode())


@pytest.mark.parametrize(
    ("body", "status", "field", "says"),
    [
        ({}, 400, "theme", "theme"),
        ({"theme": "Lerm"}, 400, "theme", "did you mean 'Lärm'"),
        ({"them": "Lärm"}, 400, "them", "did you mean 'theme'"),
        ({"theme": "Lärm", "weighting": {"rule": []}}, 400, "weighting.rule", "did you mean"),
        ({"theme": 3}, 400, "theme", "theme"),
        ({"theme": "Lärm", "batch_size": 0}, 400, "batch_size", "batch_size"),
        ({"theme": "Lärm", "batch_size": 100_001}, 400, "batch_size", "batch_size"),
        ({"theme": "Lärm", "batch_size": True}, 400, "batch_size", "batch_size"),
        ({"theme": "Lärm", "start": -1}, 400, "start", "start"),
        ({"theme": "Lärm", "limit": 10**30}, 400, "limit", "limit"),
        ({"theme": "Lärm", "from_date": "gestern"}, 400, "from_date", "YYYY-MM-DD"),
        ({"theme": "Lärm", "from_date": "2020-02-30"}, 400, "from_date", "YYYY-MM-DD"),
        ({"theme": "Lärm", "from_date": "2020-02-02", "to_date": "2020-02-01"}, 400, "to_date", "before"),
        ({"theme": "Lärm", "format": "alpacca"}, 400, "format", "alpaca"),
        ({"theme": "Lärm", "cursor": "x.1"}, 400, "theme", "cursor"),
        ({"cursor": "x.1"}, 400, "cursor", "64 hex"),
        ({"theme": "Lärm", "field_mapping": {"output_field": "{answer"}}, 400, "field_mapping.output_field", "brace"),
        ({"theme": "Lärm", "field_mapping": {"output_field": "anwser"}}, 422, "field_mapping.output_field", "answer"),
        ({"theme": "Lärm", "format": "text_completion"}, 422, "field_mapping.text_field", "content"),
        ({"theme": "Lärm", "metadata_fields": ["sauce"]}, 422, "metadata_fields", "source"),
        ({"theme": "Lärm", "start": 4}, 422, "start", "past the end"),
        ({"theme": "Lärm", "stream_mode": "forever"}, 400, "stream_mode", "continuous"),
        ({"theme": "Lärm", "stream_mode": "continuous", "order": "shuffled"}, 400, "order", "stored order"),
        ({"themes": [{"theme": "Lärm"}], "stream_mode": "continuous"}, 400, "themes", "stored order"),
        ({"theme": "Lärm", "stream_mode": "continuous", "drop_last": True}, 400, "drop_last", "no end"),
        ({"theme": "Lärm", "stream_mode": "continuous", "start": 4}, 422, "start", "past the end"),
        ({"theme": "Lärm", "order": "wieghted"}, 400, "order", "did you mean 'weighted'"),
        ({"dataset": "Gesetze", "split": "train"}, 422, "split", "set its split"),
        ({"themes": []}, 400, "themes", "themes"),
        ({"themes": [{"theme": "Lärm"}], "theme": "Lärm"}, 400, "theme", "several"),
        ({"themes": [{"theme": "Lärm"}, {"theme": "Deten"}]}, 400, "themes[1].theme", "did you mean 'Daten'"),
        ({"themes": [{"theme": "Lärm"}, {"theme": "lärm"}]}, 400, "themes[1].theme", "twice"),
        ({"themes": [{"theme": "Lärm", "proportion": 0}]}, 400, "themes[0].proportion", "proportion"),
        ({"themes": [{"theme": "Lärm"}], "stop": "never"}, 400, "stop", "all_exhausted"),
        ({"theme": "Lärm", "stop": "first_exhausted"}, 400, "stop", "themes"),
        ({"themes": [{"theme": "Lärm"}], "proportion_unit": "words"}, 400, "proportion_unit", "tokens"),
        ({"theme": "Lärm", "order": "weighted", "weighting": {"weight_field": "none", "default_weight": 0}}, 422, "order", "weight 0"),
        ({"theme": "Lärm", "order": "shuffled", "seed": 10**100}, 400, "seed", "digits"),
        ({"theme": "Lärm", "seed": 1.5}, 400, "seed", "int"),
        ({"theme": "Lärm", "rank": 2, "world_size": 2}, 400, "rank", "below"),
        ({"dataset": "Gesetz"}, 404, "dataset", "Gesetze"),
        ({"dataset": "Gesetze", "version": 2}, 404, "version", "newest is 1"),
        ({"dataset": "Gesetze", "version": "f" * 64}, 404, "version", "version"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_named_with_its_remedy(
    version: Version, ask: Ask, body: dict[str, Any], status: int, field: str, says: str
) -> None:
    response = ask(**body)
    answer = response.json()  # type: ignore[attr-defined]
    assert response.status_code == status, answer
    assert (answer["status"], list(answer["fields"])[:1]) == ("error", [field])
    assert says in answer["error"]


def test_a_dataset_without_a_version_says_what_to_do(dataset: Dataset, ask: Ask) -> None:
    response = ask(dataset="Gesetze")
    assert response.status_code == 422
    assert "upload" in response.json()["error"]  # type: ignore[attr-defined]


def test_a_theme_of_the_same_name_in_two_datasets_has_to_be_told_apart(
    version: Version, ask: Ask, alice: User
) -> None:
    other = datasets.create_dataset(user=alice, name="Andere")
    themes.create_theme(other, user=alice, name="LÄRM", where={"all": []})
    response = ask(theme="lärm")
    assert response.status_code == 400
    assert "Andere, Gesetze" in response.json()["error"]  # type: ignore[attr-defined]
    assert len(lines(ask(theme="lärm", dataset="Gesetze"))) == 3


def test_nobody_streams_what_he_may_not_see(version: Version, as_bob: APIClient) -> None:
    for body, status in (
        ({"theme": "Lärm"}, 400),
        ({"dataset": "Gesetze"}, 404),
        ({"dataset": version.dataset_id}, 404),
    ):
        response = as_bob.post("/api/export/jsonl_llm/stream", body, format="json")
        assert response.status_code == status
        assert "Gesetze" not in response.json()["error"].replace("'Gesetze'", "")


def test_every_stream_is_in_the_audit_log(version: Version, ask: Ask, alice: User) -> None:
    ask(theme="Lärm")
    entry = AuditEntry.objects.get(action="export.stream")
    assert (entry.user, entry.detail["num_samples"]) == (alice, 3)
    assert entry.token is not None


def test_a_shuffled_stream_is_the_same_every_time_and_another_with_every_epoch(
    version: Version, ask: Ask
) -> None:
    body = {"dataset": "Gesetze", "order": "shuffled", "seed": -7}
    first = text(ask(**body))
    assert sorted(first.splitlines()) == sorted(text(ask(dataset="Gesetze")).splitlines())
    assert text(ask(**body)) == first
    assert len({text(ask(**body, epoch=epoch)) for epoch in range(6)}) > 2
    cursor = ask(**body)["X-Themis-Plan"] + ".2"
    assert text(ask(cursor=cursor)).splitlines() == first.splitlines()[2:]


def test_ranks_get_equal_shares_and_are_told_of_padding(version: Version, ask: Ask) -> None:
    whole = text(ask(dataset="Gesetze")).splitlines()
    shares = [ask(dataset="Gesetze", rank=rank, world_size=2) for rank in range(2)]
    assert [share["X-Themis-Num-Samples"] for share in shares] == ["3", "3"]
    assert [share["X-Themis-Num-Padded"] for share in shares] == ["0", "1"]
    assert shares[0]["X-Themis-Cursor"] == shares[1]["X-Themis-Cursor"]
    first, second = (text(share).splitlines() for share in shares)
    assert (first, second) == (whole[0::2], [*whole[1::2], whole[0]])
    dropped = ask(dataset="Gesetze", rank=1, world_size=2, drop_last=True)
    assert text(dropped).splitlines() == whole[1::2]
