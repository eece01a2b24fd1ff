"""How themes and weighting rules shift between two versions."""

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from tests.themis_admin.datasets.diffs.conftest import ask
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.rules.services import create_rule
from themis_admin.datasets.themes import services as themes

pytestmark = pytest.mark.django_db(transaction=True)


def test_themes_and_rules_tell_how_they_shift(
    as_alice: APIClient, alice: User, dataset: Dataset, version: Version, second: Version
) -> None:
    theme = themes.create_theme(
        dataset, user=alice, name="Immission", where={"field": "law", "op": "contains", "value": "BImSch"}
    )
    definition = {"kind": "length", "of": "text", "scale": 1000}
    rule = create_rule(dataset, user=alice, name="Lang", definition=definition)
    found = ask(as_alice, second, "shifts/", against=version.pk)
    kept = {"theme": theme.pk, "name": "Immission", "now": 2, "before": 2, "joined": 0, "left": 0}
    assert found["themes"] == [kept]
    (weights,) = found["weighting_rules"]
    lengths = {
        "before": [len(str(each["text"])) for each in SAMPLES],
        "now": [len("Neu"), len("Der Betrieb"), *(len(str(each["text"])) for each in SAMPLES[1:3])],
    }
    for moment, each in lengths.items():
        mean = sum(1 + size / 1000 for size in each) / len(each)
        assert weights[moment] == pytest.approx(mean, abs=1e-4)
    assert weights["weighting_rule"] == rule.pk


def test_a_theme_tells_how_many_joined_and_how_many_left(
    as_alice: APIClient, alice: User, dataset: Dataset, version: Version, ingest: Ingest
) -> None:
    where = {"field": "law", "op": "eq", "value": "BImSchG"}
    theme = themes.create_theme(dataset, user=alice, name="Immission", where=where)
    made = []
    for laws in (["BImSchG", "BImSchG", "BGB", "BImSchG"], ["BImSchG", "BGB", "BImSchG"], [None, None]):
        ingest([{"id": number, "law": law} for number, law in enumerate(laws)], mode="replace")
        dataset.refresh_from_db()
        assert dataset.latest is not None
        made.append(dataset.latest)
    first, second, third = made
    counts = {"theme": theme.pk, "name": "Immission"}
    (found,) = ask(as_alice, second, "shifts/", against=first.pk)["themes"]
    assert found == {**counts, "now": 2, "before": 3, "joined": 1, "left": 2}
    (found,) = ask(as_alice, second, "shifts/", against=third.pk)["themes"]
    assert found == {**counts, "now": 2, "before": 0, "joined": 2, "left": 0}
