"""Two weightings of a version compared."""

from rest_framework.test import APIClient

from tests.themis_admin.datasets.rules.conftest import post
from themis_admin.datasets.models import Dataset


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
