"""Rows with names: saved once under each, held while they change, and what happened is told and written down."""

import pytest

from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from themis_admin.accounts.models import AuditEntry, User
from themis_admin.datasets import rows
from themis_admin.datasets.models import Dataset, Theme, WeightingRule
from themis_admin.jobs.models import Event
from themisdb_datasets.errors import ConflictError, NotFoundError

pytestmark = pytest.mark.django_db(transaction=True)
WHERE = {"field": "law", "op": "eq", "value": "BDSG"}


@pytest.fixture
def theme(dataset: Dataset, alice: User) -> Theme:
    return rows.create(Theme, dataset, user=alice, values={"name": "Lärm", "where": WHERE})


def told(word: str) -> list[str]:
    return [event.kind for event in Event.objects.filter(kind__startswith=f"{word}.").order_by("id")]


def test_what_happens_to_a_row_is_told_and_in_the_audit_log(
    theme: Theme, dataset: Dataset, alice: User
) -> None:
    rows.update(theme, user=alice, values={"name": "Daten"})
    theme.refresh_from_db()
    assert theme.name == "Daten"
    rows.delete(theme, user=alice)
    assert not dataset.themes.exists()
    steps = ["theme.created", "theme.updated", "theme.deleted"]
    assert told("theme") == steps
    entries = AuditEntry.objects.filter(action__in=steps).order_by("id")
    assert [(entry.action, entry.user) for entry in entries] == [(step, alice) for step in steps]


def test_a_name_is_taken_in_any_case_by_the_same_kind_of_row_only(
    theme: Theme, dataset: Dataset, alice: User
) -> None:
    with pytest.raises(ConflictError, match="already a theme named “LÄRM”") as caught:
        rows.create(Theme, dataset, user=alice, values={"name": "LÄRM", "where": WHERE})
    assert caught.value.code == "name_taken"
    rule = rows.create(WeightingRule, dataset, user=alice, values={"name": "Lärm", "definition": {}})
    other = rows.create(WeightingRule, dataset, user=alice, values={"name": "Daten", "definition": {}})
    with pytest.raises(ConflictError):
        rows.update(other, user=alice, values={"name": "lärm"})
    rows.update(rule, user=alice, values={"name": "LÄRM"})  # its own name, spelled otherwise
    assert set(dataset.weighting_rules.values_list("name", flat=True)) == {"LÄRM", "Daten"}


def test_the_database_has_the_last_word_on_a_name(theme: Theme, dataset: Dataset, alice: User) -> None:
    with pytest.raises(ConflictError, match="already a theme"):
        rows.saved(Theme(dataset=dataset, created_by=alice, name=theme.name, where=WHERE), "theme")
    assert Theme.objects.count() == 1, "and the transaction around it goes on"


def test_a_row_that_was_deleted_meanwhile_is_not_brought_back(theme: Theme, alice: User) -> None:
    Theme.objects.all().delete()
    for change in (
        lambda: rows.update(theme, user=alice, values={"name": "x"}),
        lambda: rows.delete(theme, user=alice),
    ):
        with pytest.raises(NotFoundError, match="The theme was deleted meanwhile"):
            change()
    assert told("theme") == ["theme.created"]
    assert not AuditEntry.objects.filter(action="theme.updated").exists()


def test_a_dataset_that_is_gone_gets_no_row(dataset: Dataset, alice: User, ingest: Ingest) -> None:
    assert ingest(SAMPLES).state == "succeeded"
    Dataset.objects.filter(pk=dataset.pk).update(latest=None)
    Dataset.objects.filter(pk=dataset.pk).delete()
    with pytest.raises(NotFoundError, match="The dataset was deleted meanwhile"):
        rows.create(Theme, dataset, user=alice, values={"name": "x", "where": WHERE})
