"""Weights as a stream's clients get them: rules by name, kept as they were, and explained factor by factor."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.exports.conftest import Ask, lines, text
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.rules import services as rules
from themis_admin.datasets.themes import services

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")

DEFINITIONS: dict[str, dict[str, Any]] = {
    "Gesetz": {"kind": "map", "field": "subject", "factors": {"TA": 0.5}, "missing": 0.9},
    "Jung": {"kind": "freshness", "field": "created_at", "half_life_days": 700},
    "Knapp": {"kind": "expression", "expression": "100 / (length(answer) + 50)"},
    "Zu viel": {"kind": "value", "field": "id", "scale": 3.3},
}


@pytest.fixture
def ruled(version: Version, alice: User) -> Dataset:
    """Alice's dataset with some rules."""
    for name, definition in DEFINITIONS.items():
        rules.create_rule(version.dataset, user=alice, name=name, definition=definition)
    return version.dataset


def answer(response: Any) -> Any:
    return response.json()


def test_rules_multiply_the_weight_by_name(ruled: Dataset, ask: Ask) -> None:
    plain = [line["weight"] for line in lines(ask(theme="Lärm"))]
    ruled_ = [line["weight"] for line in lines(ask(theme="Lärm", weighting={"rules": ["gesetz"]}))]
    assert plain == [1.5, 1.0, 1.0]
    assert ruled_ == [1.5, 0.5, 0.5]


def test_a_plan_keeps_the_rule_it_was_made_with(ruled: Dataset, ask: Ask, alice: User) -> None:
    first = ask(theme="Lärm", weighting={"rules": ["Gesetz", "Jung"]})
    body = text(first).splitlines(keepends=True)
    rule = ruled.weighting_rules.get(name="Gesetz")
    rules.update_rule(rule, user=alice, definition={**rule.definition, "factors": {"TA": 2}})
    assert text(ask(cursor=f"{first['X-Themis-Plan']}.1")) == "".join(body[1:])
    assert text(ask(theme="Lärm", weighting={"rules": ["Gesetz", "Jung"]})) != "".join(body)
    for each in ruled.weighting_rules.all():
        rules.delete_rule(each, user=alice)
    assert text(ask(cursor=first["X-Themis-Cursor"])) == "".join(body)
    gone = ask(theme="Lärm", weighting={"rules": ["Gesetz"]})
    assert (gone.status_code, answer(gone)["code"]) == (400, "unknown_rule")
    assert "there is none yet" in answer(gone)["error"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.sampled_from(sorted(DEFINITIONS)), unique=True),
    length=st.booleans(),
    freshness=st.booleans(),
    default=st.floats(0, 3),
    name=st.sampled_from(["instruction_tuning", "chat_completion", "alpaca"]),
    order=st.sampled_from(["stored", "shuffled"]),
)
def test_the_clamped_product_of_the_factors_is_the_weight(
    ruled: Dataset,
    ask: Ask,
    names: list[str],
    length: bool,
    freshness: bool,
    default: float,
    name: str,
    order: str,
) -> None:
    weighting = {
        "rules": names,
        "auto_weight_by_length": length,
        "auto_weight_by_freshness": freshness,
        "default_weight": default,
    }
    explained = lines(ask(dataset=ruled.name, weighting=weighting, explain=True, format=name, order=order))
    assert len(explained) == 5
    wanted = ["explicit", *["length"] * length, *["freshness"] * freshness, *names]
    for line in explained:
        assert list(line["weight_factors"]) == wanted
        product = 1.0
        for factor in line["weight_factors"].values():
            product *= factor
        assert line["weight"] == pytest.approx(min(max(product, 0.0), 2.0), abs=0.000051)
    if name == "instruction_tuning":
        plain = lines(ask(dataset=ruled.name, weighting=weighting, order=order))
        assert [line["weight"] for line in plain] == [line["weight"] for line in explained]


def test_weights_are_explained_in_mixes_and_in_the_order_of_a_line(ruled: Dataset, ask: Ask) -> None:
    themes = [{"theme": "Lärm"}, {"theme": "Daten"}]
    mixed = lines(ask(themes=themes, stop="all_exhausted", explain=True, weighting={"rules": ["Gesetz"]}))
    assert [list(line["weight_factors"]) for line in mixed] == [["explicit", "Gesetz"]] * len(mixed)
    line = text(ask(theme="Lärm", limit=1, explain=True)).splitlines()[0]
    assert list(json.loads(line)) == [
        "instruction",
        "input",
        "output",
        "weight",
        "weight_factors",
        "metadata",
    ]
    drawn = lines(ask(theme="Lärm", order="weighted", explain=True))
    assert {(line["weight"], line["weight_factors"]["explicit"] in (1.0, 1.5)) for line in drawn} == {
        (1.0, True)
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"weighting": {"rules": ["Gesetze"]}}, "weighting.rules[0]"),
        ({"weighting": {"rules": ["Jung", "jung"]}}, "weighting.rules[1]"),
        ({"weighting": {"rules": ["Jung"] * 21}}, "weighting.rules"),
        ({"weighting": {"rules": ["Viel 1", "Viel 2"]}}, "weighting.rules[1]"),
        ({"field_mapping": {"output_field": "{answer}" * 40}}, "field_mapping.output_field"),
        ({"explain": True, "format": "raw"}, "explain"),
        ({"explain": True, "weighting": {"enable_weights": False}}, "explain"),
    ],
)
def test_what_cannot_be_weighted_is_said(
    ruled: Dataset, ask: Ask, alice: User, body: dict[str, Any], field: str
) -> None:
    for number in (1, 2):
        much = {"kind": "expression", "expression": "length(lower(answer || answer || subject)) / 9"}
        rules.create_rule(ruled, user=alice, name=f"Viel {number}", definition=much)
    response = ask(theme="Lärm", **body)
    assert response.status_code == 400
    assert list(answer(response)["fields"]) == [field]


def test_a_theme_may_be_an_expression(ruled: Dataset, ask: Ask, alice: User) -> None:
    where = {"expression": "domain = 'Umwelt' and length(answer) between 1 and 8"}
    services.create_theme(ruled, user=alice, name="Kurz", where=where)
    assert [line["output"] for line in lines(ask(theme="Kurz"))] == ["40 dB", "Nichts"]
