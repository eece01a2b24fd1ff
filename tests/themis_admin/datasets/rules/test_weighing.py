"""What a rule gives: how its factors are spread, and a sample's weight explained."""

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.rules.conftest import post


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
