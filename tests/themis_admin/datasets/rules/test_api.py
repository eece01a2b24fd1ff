"""Weighting rules over REST: made, changed, and nobody else's."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.rules.conftest import post
from themis_admin.accounts.models import AuditEntry
from themis_admin.datasets.models import WeightingRule

FRESH = {"name": "Frisch", "kind": "freshness", "field": "at", "half_life_days": 365}


def test_a_rule_is_made_changed_and_deleted(rules: str, as_alice: APIClient) -> None:
    made = post(as_alice, rules, FRESH)
    assert made.status_code == 201
    rule = made.json()
    assert made["Location"] == rule["url"]
    assert {name: rule[name] for name in FRESH} == FRESH
    assert (rule["missing"], rule["created_by"]) == (1.0, "alice")
    assert as_alice.get(rules).json()["results"] == [rule]
    assert as_alice.get("/api/v1/weighting-rules/?name=ris").json()["results"] == [rule]
    changed = as_alice.patch(rule["url"], {"half_life_days": 30, "name": "Frischer"}, format="json").json()
    assert (changed["name"], changed["half_life_days"], changed["field"]) == ("Frischer", 30.0, "at")
    other = {"kind": "step", "field": "n", "steps": [[5, 2]]}
    anew = as_alice.patch(rule["url"], other, format="json").json()
    assert (anew["kind"], anew["steps"], "half_life_days" in anew) == ("step", [[5.0, 2.0]], False)
    assert as_alice.delete(rule["url"]).status_code == 204
    assert as_alice.get(rule["url"]).status_code == 404
    actions = AuditEntry.objects.filter(action__startswith="rule.").values_list("action", flat=True)
    assert sorted(actions) == ["rule.created", "rule.deleted", "rule.updated", "rule.updated"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"kind": "value", "field": "n"}, 400, "name"),
        ({**FRESH, "name": " "}, 400, "name"),
        ({**FRESH, "name": "Length"}, 400, "name"),
        ({**FRESH, "name": "frisch"}, 409, "name"),
        ({**FRESH, "name": "x", "kind": "fresh"}, 400, "kind"),
        ({**FRESH, "name": "x", "field": "att"}, 400, "field"),
        ({**FRESH, "name": "x", "half_life": 3}, 400, "half_life"),
        ({"name": "x", "kind": "expression", "expression": "getenv('HOME')"}, 400, "expression"),
    ],
)
def test_what_makes_no_sense_is_refused(
    rules: str, as_alice: APIClient, body: dict[str, Any], status: int, field: str
) -> None:
    assert post(as_alice, rules, FRESH).status_code == 201
    response = post(as_alice, rules, body)
    assert response.status_code == status, response.json()
    assert list(response.json()["fields"]) == [field]
    assert WeightingRule.objects.count() == 1


def test_nobody_sees_rules_of_others(rules: str, as_alice: APIClient, as_bob: APIClient) -> None:
    url = post(as_alice, rules, FRESH).json()["url"]
    assert as_bob.get("/api/v1/weighting-rules/").json()["results"] == []
    for address in (url, rules, f"{url}explain/"):
        assert as_bob.get(address).status_code == 404
    assert as_bob.delete(url).status_code == 404
    assert as_bob.patch(url, {"name": "x"}, format="json").status_code == 404
    for body, address in (
        (FRESH, rules),
        (FRESH, f"{rules}preview/"),
        ({}, f"{rules}explain/"),
        ({}, f"{rules}compare/"),
    ):
        assert post(as_bob, address, body).status_code == 404
