"""Weighting rules over REST: made, changed, looked at, and nobody else's."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.accounts.models import AuditEntry
from themis_admin.datasets.models import Dataset, WeightingRule

FRESH = {"name": "Frisch", "kind": "freshness", "field": "at", "half_life_days": 365}
SAMPLES = [{"n": n, "at": f"20{10 + n}-01-01", "law": "TA" if n % 2 else None} for n in range(10)]


@pytest.fixture
def rules(dataset: Dataset, ingest: Ingest) -> str:
    """The address of the rules of a dataset with ten samples."""
    assert ingest(SAMPLES).state == "succeeded"
    return f"/api/v1/datasets/{dataset.pk}/weighting-rules/"


def post(client: APIClient, url: str, body: Any) -> Any:
    return client.post(url, body, format="json")


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


def test_a_preview_tells_how_factors_are_spread(rules: str, as_alice: APIClient) -> None:
    linear = {"kind": "linear", "field": "n", "points": [[0, 0], [8, 2]], "missing": 0.5}
    seen = post(as_alice, f"{rules}preview/", linear).json()
    assert (seen["num_samples"], seen["num_missing"], seen["least"], seen["most"]) == (10, 0, 0.0, 2.0)
    assert seen["mean"] == pytest.approx((sum(range(9)) / 4 + 2) / 10)
    assert sum(each["num_samples"] for each in seen["bins"]) == 10
    assert (seen["bins"][0]["num_samples"], seen["bins"][-1]["num_samples"]) == (1, 2)
    assert seen["curve"] == [[0.0, 0.0], [8.0, 2.0]]
    where = {"field": "n", "op": "lt", "value": 4}
    values = {"kind": "map", "field": "law", "factors": {"TA": 2}, "missing": 0.5, "where": where}
    spread = post(as_alice, f"{rules}preview/", values).json()
    assert (spread["num_samples"], spread["num_missing"], spread["least"], spread["most"]) == (4, 2, 0.5, 2.0)
    none = post(
        as_alice, f"{rules}preview/", {**values, "where": {"field": "n", "op": "gt", "value": 99}}
    ).json()
    assert (none["num_samples"], none["bins"]) == (0, [])
    assert post(as_alice, f"{rules}preview/", {"kind": "value"}).status_code == 400


def test_a_samples_weight_is_explained(rules: str, as_alice: APIClient) -> None:
    step = post(
        as_alice, rules, {"name": "Stufe", "kind": "step", "field": "n", "steps": [[5, 1.5]], "default": 0.5}
    ).json()
    post(as_alice, rules, {"name": "Gesetz", "kind": "map", "field": "law", "factors": {"TA": 0.5}})
    both = post(as_alice, f"{rules}explain/", {"rules": ["stufe", "Gesetz"], "position": 7}).json()
    assert (both["weight"], both["factors"]) == (0.75, {"Stufe": 1.5, "Gesetz": 0.5})
    one = as_alice.get(f"{step['url']}explain/?position=2").json()
    assert (one["weight"], one["factors"]) == (0.5, {"Stufe": 0.5})
    assert as_alice.get(f"{step['url']}explain/?position=10").status_code == 404
    assert as_alice.get(f"{step['url']}explain/?position=x").status_code == 400
    wrong = post(as_alice, f"{rules}explain/", {"rules": ["Stufen"], "position": 0})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (400, ["rules[0]"])


def test_two_weightings_are_compared(rules: str, as_alice: APIClient, dataset: Dataset) -> None:
    post(
        as_alice, rules, {"name": "Stufe", "kind": "step", "field": "n", "steps": [[5, 1.5]], "default": 0.5}
    )
    post(as_alice, rules, {"name": "Gesetz", "kind": "map", "field": "law", "factors": {"TA": 0}})
    found = post(as_alice, f"{rules}compare/", {"a": ["stufe"], "b": ["Stufe", "Gesetz"], "length": 2}).json()
    # By a 0.5 and 1.5, five times each; by b every second weighs nothing.
    assert found["a"] == {
        "least": 0.5,
        "mean": 1.0,
        "most": 1.5,
        "num_zero": 0,
        "effective_sample_size": 10**2 / 12.5,
    }
    assert (found["num_samples"], found["num_gaining"], found["num_losing"]) == (10, 0, 5)
    assert found["b"]["num_zero"] == 5
    assert [each["position"] for each in found["losing"]] == [5, 7]
    assert as_alice.get(found["losing"][0]["sample"]).json()["sample"]["n"] == 5
    theme = post(
        as_alice,
        f"/api/v1/datasets/{dataset.pk}/themes/",
        {"name": "Groß", "where": {"field": "n", "op": "ge", "value": 5}},
    ).json()
    within = post(as_alice, f"{rules}compare/", {"b": ["Stufe"], "theme": theme["id"]}).json()
    assert (within["num_samples"], within["moved"], within["correlation"]) == (5, 0, None)
    for body, status in (
        ({"a": ["Stufen"]}, 400),
        ({"a": ["Stufe", "stufe"]}, 400),
        ({"a": "Stufe"}, 400),
        ({"c": []}, 400),
        ({"theme": theme["id"] + 1}, 404),
        ({"version": 10**6}, 404),
        ({"length": -1}, 400),
    ):
        assert post(as_alice, f"{rules}compare/", body).status_code == status, body


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
