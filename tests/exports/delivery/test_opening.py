"""A request or a cursor opens the same delivery whatever became of its theme, and nobody else's."""

import pytest
from rest_framework.test import APIClient

from exports.models import StoredPlan
from tests.exports.conftest import Ask, lines, text
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Theme, Version
from themis_admin.datasets.themes import services as themes

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")


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
