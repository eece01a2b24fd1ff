"""REST: versions, their samples and rejected lines."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from themis_admin.accounts.models import User
from themis_admin.datasets import services as datasets
from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.themes import services as themes

pytestmark = pytest.mark.django_db(transaction=True)


def samples(client: APIClient, version: Version, **query: Any) -> Any:
    answer = client.get(f"{version.url}samples/", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def positions(page: Any) -> list[int]:
    return [each["position"] for each in page["results"]]


def test_a_version_tells_what_it_is(as_alice: APIClient, version: Version, dataset: Dataset) -> None:
    found = as_alice.get(version.url).json()
    assert (found["dataset"], found["number"], found["num_samples"]) == (dataset.pk, 1, 4)
    assert len(found["digest"]) == 64
    assert [field["name"] for field in found["fields"]][:5] == ["id", "law", "section", "year", "text"]
    listed = as_alice.get(f"{dataset.url}versions/").json()["results"]
    assert listed == [found]
    assert as_alice.get(dataset.url).json()["latest"] == found


def test_samples_come_in_stored_order_page_by_page(as_alice: APIClient, version: Version) -> None:
    first = samples(as_alice, version, length=3)
    assert (first["num_samples"], positions(first), first["previous"]) == (4, [0, 1, 2], None)
    second = as_alice.get(first["next"]).json()
    assert (positions(second), second["next"]) == ([3], None)
    assert [each["sample"] for each in first["results"] + second["results"]] == SAMPLES
    assert positions(as_alice.get(second["previous"]).json()) == [0, 1, 2]


def test_numbers_and_escapes_come_out_as_they_went_in(
    ingest: Ingest, as_alice: APIClient, dataset: Dataset
) -> None:
    line = rb'{"n": 12345678901234567890123, "x": 1.0, "e": 1E2, "t": "\u00e4\/", "z": {"b": 1, "a": -0.0}}'
    ingest([line])
    assert dataset.latest is not None
    assert line in as_alice.get(f"{dataset.latest.url}samples/").content
    assert line in as_alice.get(f"{dataset.latest.url}samples/0/").content


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


def test_one_sample_by_its_position(as_alice: APIClient, version: Version) -> None:
    assert as_alice.get(f"{version.url}samples/2/").json() == {"position": 2, "sample": SAMPLES[2]}
    missing = as_alice.get(f"{version.url}samples/4/")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert as_alice.get(f"{version.url}samples/{10**30}/").status_code == 404


def test_a_page_of_very_long_samples_ends_early_and_goes_on(
    ingest: Ingest, as_alice: APIClient, dataset: Dataset
) -> None:
    ingest([{"n": n, "text": "x" * 3_000_000} for n in range(5)])
    assert dataset.latest is not None
    first = samples(as_alice, dataset.latest)
    assert positions(first) == [0, 1]
    assert positions(as_alice.get(first["next"]).json()) == [2, 3]


def test_rejected_lines_are_paged_and_downloaded(
    ingest: Ingest, as_alice: APIClient, dataset: Dataset
) -> None:
    ingest([SAMPLES[0], *(b"broken %d" % n for n in range(150)), b"\xff\xfe", b"y" * 5000])
    assert dataset.latest is not None
    url = f"{dataset.latest.url}rejects/"
    first = as_alice.get(url).json()
    assert (first["num_rejects"], len(first["results"])) == (152, 100)
    assert first["results"][0] | {"message": ""} == {
        "number": 0, "line": 2, "offset": first["results"][0]["offset"], "reason": "invalid_json", "message": "",
        "text": "broken 0", "truncated": False,
    }  # fmt: skip
    rest = as_alice.get(first["next"]).json()
    assert (len(rest["results"]), rest["next"]) == (52, None)
    assert rest["results"][-2]["reason"] == "invalid_utf8"
    assert "base64" in rest["results"][-2]
    assert len(rest["results"][-1]["text"]) == 1024
    assert rest["results"][-1]["truncated"] is True
    download = as_alice.get(url, {"download": 1})
    content = b"".join(download)
    assert len(content.splitlines()) == 152
    assert "attachment" in download.headers["Content-Disposition"]


def test_a_version_without_rejects_has_an_empty_list(as_alice: APIClient, version: Version) -> None:
    page = as_alice.get(f"{version.url}rejects/").json()
    assert (page["results"], page["num_rejects"], page["next"]) == ([], 0, None)
    assert b"".join(as_alice.get(f"{version.url}rejects/?download=1")) == b""
