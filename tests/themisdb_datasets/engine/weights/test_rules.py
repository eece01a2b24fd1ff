"""Weighting rules: the factor that each kind gives, as numbers, whatever a shard holds the field as."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.versions import make_version
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.selection import SelectionCache
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.engine.weights.rules import KINDS, LARGEST, ValueRule, parse_rule
from themisdb_datasets.engine.weights.weighting import Explicit, Freshness, Length, Weighting
from themisdb_datasets.errors import MalformedError

AS_OF = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
SAMPLES: list[list[dict[str, Any]]] = [
    [{"n": 10, "law": "TA", "at": "2023-12-22", "text": "ä" * 500}, {"n": 30.5, "law": "BImSchG", "at": "2023-12-22T02:00:00+02:00"}],
    [{"n": "20", "law": 17, "at": 1703203200, "text": "x" * 5000}, {"n": "viele", "law": True, "at": "1703203200000"}, {"at": "2030-01-01"}],
    [{"n": None, "law": None, "at": "gestern", "text": ""}],
]  # fmt: skip
TEN_DAYS = {"kind": "freshness", "field": "at", "half_life_days": 10}


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> OpenVersion:
    return make_version(tmp_path_factory.mktemp("rules"), *SAMPLES)


def factors(
    root: Path, version: OpenVersion, *rules: Any, **more: Any
) -> tuple[list[list[float]], list[int]]:
    named = tuple((f"rule {n}", parse_rule(rule).pinned(AS_OF)) for n, rule in enumerate(rules))
    criteria = Criteria(weighting=Weighting(rules=named, **more), explain=True)
    assert Criteria.from_document(json.loads(json.dumps(criteria.to_document()))) == criteria
    selection = SelectionCache(root / "selections").get(version, "0" * 64, criteria)
    assert selection.factors is not None
    return selection.factors.tolist(), selection.weights.tolist()


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ({"kind": "value", "field": "n"}, [10, 30.5, 20, 1, 1, 1]),
        ({"kind": "value", "field": "n", "scale": 0.1, "missing": 0.5}, [1, 3.05, 2, 0.5, 0.5, 0.5]),
        ({"kind": "map", "field": "law", "factors": {"TA": 2, "17": 0.25, "true": 0.75}, "default": 0.5, "missing": 0.1},
         [2, 0.5, 0.25, 0.75, 0.1, 0.1]),
        (TEN_DAYS, [0.5, 0.5, 0.5, 0.5, 1, 1]),
        ({**TEN_DAYS, "as_of": AS_OF + 10 * 86_400, "missing": 0}, [0.25, 0.25, 0.25, 0.25, 1, 0]),
        ({"kind": "length", "of": "text"}, [1.25, 1, 1.5, 1, 1, 1]),
        ({"kind": "length", "of": "{law}: {text}", "scale": 100, "bonus": 2, "missing": 0}, [3, 1.09, 3, 1.06, 1.02, 1.02]),
        ({"kind": "linear", "field": "n", "points": [[10, 1], [20, 2], [40, 0]], "missing": 0.3},
         [1, 0.95, 2, 0.3, 0.3, 0.3]),
        ({"kind": "linear", "field": "n", "points": [[15, 1], [20, 2]]}, [1, 2, 2, 1, 1, 1]),
        ({"kind": "step", "field": "n", "steps": [[15, 1.5], [30, 2]], "default": 0.2}, [0.2, 2, 1.5, 1, 1, 1]),
        ({"kind": "expression", "expression": "n / 10 + length(law)", "missing": 0.7}, [3, 10.05, 4, 0.7, 0.7, 0.7]),
        ({"kind": "expression", "expression": "1 / (n - n)", "missing": 0.7}, [LARGEST, LARGEST, LARGEST, 0.7, 0.7, 0.7]),
        ({"kind": "value", "field": "none", "missing": 0.9}, [0.9] * 6),
    ],
)  # fmt: skip
def test_a_kind_gives_its_factor(
    tmp_path: Path, version: OpenVersion, rule: Any, wanted: list[float]
) -> None:
    found, weights = factors(tmp_path, version, rule)
    assert [row[0] for row in found] == pytest.approx(wanted, abs=1e-9)
    assert weights == [round(min(max(factor, 0), 2) * 10_000) for factor in wanted]


def test_a_weight_is_the_clamped_product_of_all_its_factors(tmp_path: Path, version: OpenVersion) -> None:
    rules = [
        TEN_DAYS,
        {"kind": "value", "field": "n", "scale": 0.05},
        {"kind": "map", "field": "law", "factors": {"TA": 2}},
    ]
    more = {
        "explicit": Explicit("n", 0.5),
        "freshness": Freshness("at", 20, AS_OF),
        "length": Length(parse_value("text")),
    }
    found, weights = factors(tmp_path, version, *rules, **more)
    for row, weight in zip(found, weights, strict=True):
        product = 1.0
        for factor in row:
            product *= factor
        assert weight == pytest.approx(min(max(product, 0), 2) * 10_000, abs=0.5)
    assert len(found[0]) == 6
    # The explicit weight of the first is 10, and the others count as well.
    assert found[0] == pytest.approx([10, 1.25, 0.5**0.5, 0.5, 0.5, 2])


@pytest.mark.parametrize(
    ("rule", "place", "says"),
    [
        (3, "kind", "object"),
        ({}, "kind", "freshness"),
        ({"kind": "fresh", "field": "at"}, "kind", "did you mean 'freshness'"),
        ({"kind": "freshness"}, "field", "field"),
        ({"kind": "freshness", "field": "at", "half_life": 3}, "half_life", "did you mean 'half_life_days'"),
        ({"kind": "freshness", "field": "at", "half_life_days": 0}, "half_life_days", "half_life_days"),
        ({"kind": "freshness", "field": "att"}, "field", "did you mean 'at'"),
        ({"kind": "value", "field": "n", "missing": -1}, "missing", "missing"),
        ({"kind": "value", "field": "n", "scale": "2"}, "scale", "scale"),
        ({"kind": "map", "field": "law", "factors": {}}, "factors", "factors"),
        ({"kind": "map", "field": "law", "factors": {"a": True}}, "factors[...]", "factors"),
        ({"kind": "linear", "field": "n", "points": [[1, 1]]}, "points", "2 or more"),
        ({"kind": "linear", "field": "n", "points": [[2, 1], [2, 1]]}, "points", "ascend"),
        ({"kind": "step", "field": "n", "steps": [[1]]}, "steps[0]", "steps"),
        ({"kind": "length", "of": "{text"}, "of", "brace"),
        ({"kind": "length", "of": "{test}"}, "of", "did you mean 'text'"),
        ({"kind": "value", "field": "n", "scale": float("nan")}, "scale", "finite"),
        ({"kind": "value", "field": "n", "missing": float("inf")}, "missing", "finite"),
        ({"kind": "freshness", "field": "at", "as_of": float("inf")}, "as_of", "finite"),
        ({"kind": "linear", "field": "n", "points": [[0, 1], [1, float("nan")]]}, "points", "finite"),
        ({"kind": "map", "field": "law", "factors": {"a\0": 1}}, "factors", "stored"),
        ({"kind": "length", "of": "{text}\ud800"}, "of", "stored"),
        ({"kind": "length", "of": "{text}" * 33}, "of", "32 fields"),
        ({"kind": "length", "of": "x" * 10_001}, "of", "10000"),
        ({"kind": "expression", "expression": "read_text('x')"}, "expression", "no function"),
        ({"kind": "expression", "expression": "m + 1"}, "expression", "'m'"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: Any, place: str, says: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_rule(rule, fields=["n", "law", "at", "text"])
    assert says in caught.value.message
    assert next(iter(caught.value.fields)).split("[")[0] == place.split("[")[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_curve_ascends_and_gives_what_the_rule_gives(tmp_path: Path, kind: str) -> None:
    rules: dict[str, Any] = {
        "freshness": {"field": "n", "half_life_days": 30, "as_of": 0},
        "length": {"of": "text", "scale": 50, "bonus": 1.5},
        "linear": {"field": "n", "points": [[-1, 0], [0, 2], [5, 1]]},
        "step": {"field": "n", "steps": [[0, 2], [5, 1]], "default": 0.5},
    }
    if kind not in rules:
        assert KINDS[kind].curve is ValueRule.curve, "it has a curve, so it needs a rule here"
        return
    rule = parse_rule({"kind": kind, **rules[kind]})
    curve = rule.curve()
    assert curve is not None
    # Off the steps, where both sides of a step are on the curve.
    points = [point for point in curve if sum(x == point[0] for x, _ in curve) == 1]
    samples = [{"n": -x * 86_400 if kind == "freshness" else x, "text": "x" * round(x)} for x, _ in points]
    version = make_version(tmp_path, samples)
    found, _ = factors(tmp_path, version, rule.to_document())
    assert [row[0] for row in found] == pytest.approx([y for _, y in points], abs=0.02)
    assert [x for x, _ in curve] == sorted(x for x, _ in curve)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(
        st.floats() | st.integers() | st.text(max_size=5) | st.none() | st.booleans(), min_size=1, max_size=6
    )
)
def test_every_factor_is_a_number_whatever_the_field_holds(
    tmp_path_factory: pytest.TempPathFactory, values: list[Any]
) -> None:
    root = tmp_path_factory.mktemp("any")
    plain = [value for value in values if not isinstance(value, float) or abs(value) < float("inf")]
    lines = [json.dumps({"v": value}).encode() for value in plain if _storable(value)] + [
        b'{"v":1e999}',
        b"{}",
    ]
    version = make_version(root, lines)
    rules = [
        {"kind": "value", "field": "v"},
        {"kind": "map", "field": "v", "factors": {"1": 2}},
        {"kind": "freshness", "field": "v"},
        {"kind": "length", "of": "v"},
        {"kind": "linear", "field": "v", "points": [[0, 1], [1, 2]]},
        {"kind": "step", "field": "v", "steps": [[0, 1], [1, 2]]},
        {"kind": "expression", "expression": "exp(v) * v - pow(v, 400)"},
    ]
    found, _ = factors(root, version, *rules, explicit=Explicit("v", 1.0))
    assert all(abs(factor) <= LARGEST for row in found for factor in row)


def _storable(value: Any) -> bool:
    return not isinstance(value, str) or value.isprintable()
