"""Weighting rules in the browser: the rule as JSON behind the inputs, what it gives, changing and deleting."""

import json

import pytest
from django.test import Client

from tests.conftest import page
from tests.themis_admin.console.conftest import version
from tests.themis_admin.datasets.rules.conftest import MAP
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Version, WeightingRule
from themis_admin.datasets.rules import services as rules
from themis_admin.datasets.themes import services

__all__ = ["version"]


@pytest.fixture
def rule(version: Version, alice: User) -> WeightingRule:
    return rules.create_rule(version.dataset, user=alice, name="Gesetze", definition=MAP)


def test_it_saves_a_rule_and_shows_what_it_gives(alices: Client, version: Version) -> None:
    path = f"/datasets/{version.dataset_id}/rules/new/"
    assert "newer samples weigh more" in page(alices, path)
    response = alices.post(path, {"name": "Gesetze", "definition": json.dumps(MAP)})
    rule = WeightingRule.objects.get(name="Gesetze")
    assert response["Location"] == f"/rules/{rule.pk}/"
    html = page(alices, f"/rules/{rule.pk}/")
    assert "a factor for 1 value of law" in html
    assert f"of {version.num_samples} samples" in html
    assert json.loads(html.split('id="rule-spread" type="application/json">')[1].split("<")[0])["most"] == 2.0
    for path in ("/rules/", f"/datasets/{version.dataset_id}/", f"/stream/?dataset={version.dataset_id}"):
        assert "Gesetze" in page(alices, path)


def test_one_sample_is_explained(alices: Client, rule: WeightingRule, version: Version) -> None:
    laws = [json.loads(version.open().line(n))["law"] for n in range(version.num_samples)]
    for position, law in enumerate(laws):
        html = page(alices, f"/rules/{rule.pk}/?sample={position}")
        assert f'<span class="th-count">{2 if law == "BDSG" else 0.5}</span>' in html
    for asked in ("99999999999999999999", "x", "-1"):
        assert page(alices, f"/rules/{rule.pk}/?sample={asked}")


def test_it_changes_a_rule(alices: Client, rule: WeightingRule) -> None:
    assert "&quot;BDSG&quot;: 2.0" in page(alices, f"/rules/{rule.pk}/edit/")
    step = {"kind": "expression", "expression": "length(law)", "missing": 1.0}
    alices.post(f"/rules/{rule.pk}/edit/", {"name": "Länge", "definition": json.dumps(step)})
    rule.refresh_from_db()
    assert (rule.name, rule.definition) == ("Länge", step)


def test_it_deletes_a_rule_once_that_is_confirmed(alices: Client, rule: WeightingRule) -> None:
    assert "are refused from then on" in page(alices, f"/rules/{rule.pk}/delete/")
    assert WeightingRule.objects.filter(pk=rule.pk).exists()
    alices.post(f"/rules/{rule.pk}/delete/")
    assert not WeightingRule.objects.filter(pk=rule.pk).exists()


def test_a_rule_that_no_longer_fits_the_dataset_says_so(
    alices: Client, rule: WeightingRule, dataset: Dataset
) -> None:
    WeightingRule.objects.filter(pk=rule.pk).update(definition={**MAP, "field": "gone"})
    assert "There is no field" in page(alices, f"/rules/{rule.pk}/")


def test_a_theme_may_be_an_expression(alices: Client, version: Version, alice: User) -> None:
    where = {"all": [{"expression": "length(law) > 4"}, {"field": "law", "op": "exists", "value": True}]}
    theme = services.create_theme(version.dataset, user=alice, name="Lang", where=where)
    assert "length(law) &gt; 4 and law exists" in page(alices, "/themes/")
    for path in (f"/themes/{theme.pk}/", f"/themes/{theme.pk}/edit/"):
        assert "length(law)" in page(alices, path)


@pytest.mark.parametrize("number", ["9" * 40, "-1", "x"])
def test_a_rule_of_an_impossible_number_is_no_choice(
    alices: Client, rule: WeightingRule, version: Version, number: str
) -> None:
    compared = alices.get(f"/datasets/{version.dataset_id}/rules/compare/?a={number}")
    frozen = alices.post(f"/versions/{version.pk}/snapshots/new/", {"weighting_rules": number})
    for answer in (compared, frozen):
        assert answer.status_code == 422
        assert "th-err" in answer.content.decode()
