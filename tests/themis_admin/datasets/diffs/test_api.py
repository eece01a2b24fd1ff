"""REST: how two versions of a dataset differ."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from tests.themis_admin.datasets.diffs.conftest import CHANGED, ask
from themis_admin.datasets.models import Dataset, Version

pytestmark = pytest.mark.django_db(transaction=True)


def test_counts_are_of_what_the_version_has_and_the_other_has_not(
    as_alice: APIClient, version: Version, second: Version
) -> None:
    assert ask(as_alice, second, against=version.pk) == {
        "version": second.pk,
        "against": version.pk,
        "key_field": "id",
        "added": 1,
        "removed": 1,
        "changed": 1,
        "unchanged": 2,
        "fields": {"section": 1, "year": 1, "text": 1},
    }
    assert ask(as_alice, version, against=version.pk)["unchanged"] == 4


def test_samples_come_with_both_lines_as_they_are_spelled(
    as_alice: APIClient, version: Version, second: Version
) -> None:
    page = ask(as_alice, second, "samples/", against=version.pk)
    (changed,) = page["results"]
    assert (changed["position"], changed["against_position"]) == (1, 0)
    assert changed["fields"] == ["section", "year", "text"]
    assert changed["against"] == SAMPLES[0]
    assert CHANGED in as_alice.get(f"{second.url}diff/samples/?against={version.pk}").content
    (added,) = ask(as_alice, second, "samples/", against=version.pk, kind="added")["results"]
    assert (added["position"], added["sample"]["id"], added["against"]) == (0, "neu/1", None)
    (removed,) = ask(as_alice, second, "samples/", against=version.pk, kind="removed")["results"]
    assert (removed["position"], removed["against_position"], removed["against"]) == (None, 3, SAMPLES[3])


def test_they_are_paged_and_narrowed_to_a_field(
    as_alice: APIClient, ingest: Ingest, dataset: Dataset
) -> None:
    ingest([{"id": n, "a": 0, "b": 0} for n in range(5)])
    first = dataset.latest
    ingest([{"id": n, "a": 1, "b": n % 2} for n in range(5)], mode="replace")
    assert first is not None
    assert dataset.latest is not None
    page = ask(as_alice, dataset.latest, "samples/", against=first.pk, length=3)
    assert (page["num_samples"], len(page["results"])) == (5, 3)
    rest = as_alice.get(page["next"]).json()
    assert ([each["position"] for each in rest["results"]], rest["next"]) == ([3, 4], None)
    page = ask(as_alice, dataset.latest, "samples/", against=first.pk, field="b", offset=1)
    assert ([each["position"] for each in page["results"]], page["num_samples"]) == ([3], 2)
    assert ask(as_alice, dataset.latest, "samples/", against=first.pk, offset=9)["results"] == []


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("", {}, "against"),
        ("", {"against": "-1"}, "against"),
        ("", {"against": 10**30}, "against"),
        ("samples/", {"kind": "chnaged"}, "kind"),
        ("samples/", {"field": "txet"}, "field"),
        ("samples/", {"kind": "added", "field": "text"}, "field"),
        ("samples/", {"length": 101}, "length"),
        ("samples/", {"offset": -1}, "offset"),
    ],
)
def test_bad_questions_are_told_by_their_field(
    as_alice: APIClient, version: Version, second: Version, path: str, query: dict[str, Any], field: str
) -> None:
    against = {"against": version.pk} if path else {}
    answer = as_alice.get(f"{second.url}diff/{path}", {**against, **query})
    assert answer.status_code == 400, answer.content
    assert field in answer.json()["fields"]


def test_nobody_else_sees_it(as_bob: APIClient, as_alice: APIClient, version: Version) -> None:
    for path in ("diff/", "diff/samples/"):
        assert as_bob.get(f"{version.url}{path}", {"against": version.pk}).status_code == 404
        assert as_alice.get(f"{version.url}{path}", {"against": 10**9}).status_code == 404
