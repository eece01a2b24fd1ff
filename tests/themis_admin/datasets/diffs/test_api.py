"""REST: how two versions of a dataset differ."""

from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from themis_admin.accounts.models import User
from themis_admin.datasets import services as datasets
from themis_admin.datasets.ingest import services as ingest_services
from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.rules.services import create_rule
from themis_admin.datasets.themes import services as themes
from themis_admin.jobs import runner

pytestmark = pytest.mark.django_db(transaction=True)
CHANGED = (
    b'{"id": "bimschg/4", "law": "BImSchG", "section": "\\u00a7 4", "year": 1.974e3, "text": "Der Betrieb"}'
)
NEW = b'{"id": "neu/1", "text": "Neu"}'


@pytest.fixture
def second(version: Version, ingest: Ingest, dataset: Dataset) -> Version:
    """Version 2: one sample changed, one gone, one new."""
    ingest([NEW, CHANGED, *SAMPLES[1:3]], mode="replace")
    assert dataset.latest is not None
    return dataset.latest


def ask(client: APIClient, version: Version, path: str = "", **query: Any) -> Any:
    answer = client.get(f"{version.url}diff/{path}", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


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


def test_versions_of_two_datasets_are_not_compared(
    as_alice: APIClient, alice: User, version: Version, tmp_path: Path
) -> None:
    other = datasets.create_dataset(user=alice, name="Andere", key_field="id")
    (tmp_path / "other.jsonl").write_bytes(NEW + b"\n")
    runner.run(ingest_services.start_ingest(other, user=alice, sources=[tmp_path / "other.jsonl"]).pk)
    other.refresh_from_db()
    answer = as_alice.get(f"{version.url}diff/?against={other.latest_id}")
    assert answer.status_code == 422
    assert "against" in answer.json()["fields"]


def test_nobody_else_sees_it(as_bob: APIClient, as_alice: APIClient, version: Version) -> None:
    for path in ("diff/", "diff/samples/"):
        assert as_bob.get(f"{version.url}{path}", {"against": version.pk}).status_code == 404
        assert as_alice.get(f"{version.url}{path}", {"against": 10**9}).status_code == 404


def test_it_is_kept_and_follows_the_key_field(as_alice: APIClient, version: Version, second: Version) -> None:
    ask(as_alice, second, against=version.pk)
    as_alice.patch(second.dataset.url, {"key_field": "law"}, format="json")
    by_law = ask(as_alice, second, against=version.pk)
    assert (by_law["key_field"], by_law["changed"]) == ("law", 0)


def test_themes_and_rules_tell_how_they_shift(
    as_alice: APIClient, alice: User, dataset: Dataset, version: Version, second: Version
) -> None:
    theme = themes.create_theme(
        dataset, user=alice, name="Immission", where={"field": "law", "op": "contains", "value": "BImSch"}
    )
    definition = {"kind": "length", "of": "text", "scale": 1000}
    rule = create_rule(dataset, user=alice, name="Lang", definition=definition)
    found = ask(as_alice, second, "shifts/", against=version.pk)
    kept = {"theme": theme.pk, "name": "Immission", "now": 2, "before": 2, "joined": 0, "left": 0}
    assert found["themes"] == [kept]
    (weights,) = found["weighting_rules"]
    lengths = {
        "before": [len(str(each["text"])) for each in SAMPLES],
        "now": [len("Neu"), len("Der Betrieb"), *(len(str(each["text"])) for each in SAMPLES[1:3])],
    }
    for moment, each in lengths.items():
        mean = sum(1 + size / 1000 for size in each) / len(each)
        assert weights[moment] == pytest.approx(mean, abs=1e-4)
    assert weights["weighting_rule"] == rule.pk


def test_a_theme_tells_how_many_joined_and_how_many_left(
    as_alice: APIClient, alice: User, dataset: Dataset, version: Version, ingest: Ingest
) -> None:
    where = {"field": "law", "op": "eq", "value": "BImSchG"}
    theme = themes.create_theme(dataset, user=alice, name="Immission", where=where)
    made = []
    for laws in (["BImSchG", "BImSchG", "BGB", "BImSchG"], ["BImSchG", "BGB", "BImSchG"], [None, None]):
        ingest([{"id": number, "law": law} for number, law in enumerate(laws)], mode="replace")
        dataset.refresh_from_db()
        assert dataset.latest is not None
        made.append(dataset.latest)
    first, second, third = made
    counts = {"theme": theme.pk, "name": "Immission"}
    (found,) = ask(as_alice, second, "shifts/", against=first.pk)["themes"]
    assert found == {**counts, "now": 2, "before": 3, "joined": 1, "left": 2}
    (found,) = ask(as_alice, second, "shifts/", against=third.pk)["themes"]
    assert found == {**counts, "now": 2, "before": 0, "joined": 2, "left": 0}
