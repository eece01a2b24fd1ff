"""Samples filtered, searched and ordered: found once, and read from what was kept."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.samples.conftest import positions, samples
from themis_admin.accounts.models import User
from themis_admin.datasets import services as datasets
from themis_admin.datasets.models import Version
from themis_admin.datasets.themes import services as themes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"where": {"field": "law", "op": "contains", "value": "bimsch"}}, [0, 1]),
        ({"where": {"not": {"field": "law", "op": "contains", "value": "bimsch"}}}, [2, 3]),
        ({"where": {"field": "meta.n", "op": "eq", "value": 1}}, [2]),
        ({"where": {"field": "year", "op": "lt", "value": 1974}}, [3]),
        ({"search": "PERSONENBEZOGENE"}, [3]),
        ({"search": "§ 1"}, [2, 3]),
        ({"search": "nichts davon"}, []),
        ({"search": "%"}, []),
        ({"order_by": "year"}, [3, 0, 1, 2]),
        ({"order_by": "-year"}, [2, 0, 1, 3]),
        ({"order_by": "-meta.n"}, [2, 0, 1, 3]),
        ({"search": "gesetz", "order_by": "-law", "where": {"field": "year", "op": "gt", "value": 1}}, [2]),
        ({"offset": 3}, [3]),
        ({"offset": 99}, []),
    ],
)
def test_samples_are_filtered_searched_and_ordered(
    as_alice: APIClient, version: Version, query: dict[str, Any], expected: list[int]
) -> None:
    query = {name: json.dumps(value) if name == "where" else value for name, value in query.items()}
    assert positions(samples(as_alice, version, **query)) == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"where": "{"}, "where"),
        ({"where": '{"field": "lwa", "op": "eq", "value": 1}'}, "where.field"),
        ({"where": '{"all": [{"field": "law", "op": "matches", "value": "("}]}'}, "where.all[0].value"),
        ({"where": "[" * 5000}, "where"),
        ({"order_by": "lwa"}, "order_by"),
        ({"offset": -1}, "offset"),
        ({"length": 101}, "length"),
        ({"length": 0}, "length"),
        ({"offset": "x"}, "offset"),
    ],
)
def test_a_bad_query_is_answered_with_its_place(
    as_alice: APIClient, version: Version, query: dict[str, Any], field: str
) -> None:
    answer = as_alice.get(f"{version.url}samples/", query)
    assert answer.status_code == 400, answer.content
    assert field in answer.json()["fields"], answer.json()


def test_a_theme_is_browsed_like_the_version(
    as_alice: APIClient, as_bob: APIClient, alice: User, bob: User, version: Version
) -> None:
    where = {"field": "law", "op": "eq", "value": "BImSchG"}
    theme = themes.create_theme(version.dataset, user=alice, name="Immissionsschutz", where=where)
    asked: dict[str, Any] = {"theme": theme.pk, "order_by": "-id"}
    assert positions(samples(as_alice, version, **asked)) == [1, 0]
    assert positions(samples(as_alice, version, **asked, search="Betrieb")) == [0]
    second = json.dumps({"field": "section", "op": "eq", "value": "§ 5"})
    assert positions(samples(as_alice, version, **asked, where=second)) == [1]
    other = themes.create_theme(
        datasets.create_dataset(user=alice, name="Other"), user=alice, name="Other", where=where
    )
    for pk in (other.pk, 10**9):
        answer = as_alice.get(f"{version.url}samples/", {"theme": pk})
        assert (answer.status_code, list(answer.json()["fields"])) == (404, ["theme"])
    assert as_bob.get(f"{version.url}samples/", asked).status_code == 404


def test_what_was_asked_once_is_read_from_what_was_kept(as_alice: APIClient, version: Version) -> None:
    asked = {"search": "die", "order_by": "-id", "length": 1}
    first = samples(as_alice, version, **asked)
    for shard in version.shard_paths():
        (shard / "columns.parquet").unlink()  # what a query would have to read
    assert samples(as_alice, version, **asked) == first
    second = samples(as_alice, version, **asked, offset=1)
    assert (second["num_samples"], positions(second)) == (2, [2])


def test_a_pattern_that_the_engine_refuses_is_a_400(as_alice: APIClient, version: Version) -> None:
    where = json.dumps({"field": "law", "op": "matches", "value": r"(?=x)"})
    answer = as_alice.get(f"{version.url}samples/", {"where": where})
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["where.value"])
