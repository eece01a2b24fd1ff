"""Snapshots over REST: frozen, downloaded, verified, removed, and nobody else's."""

import asyncio
import hashlib
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import Ingest
from tests.themis_admin.snapshots.conftest import URL, link, made
from themis_admin.accounts.models import User
from themis_admin.datasets import services as datasets
from themis_admin.datasets.models import Dataset, Theme, Version, WeightingRule
from themis_admin.datasets.rules import services as rules
from themis_admin.datasets.themes import services as themes
from themis_admin.snapshots.models import Snapshot
from themis_admin.storage.stores import FILES, store

pytestmark = pytest.mark.django_db(transaction=True)


def body_of(response: Any) -> bytes:
    async def read() -> bytes:
        return b"".join([bytes(piece) async for piece in response])

    return asyncio.run(read())


def test_it_is_downloaded_as_one_file_with_its_digest(as_alice: APIClient, version: Version) -> None:
    snapshot = made(as_alice, version=version.pk)
    url = f"{snapshot.url}download"
    whole = as_alice.get(url)
    content = body_of(whole)
    digest = hashlib.sha256(content).digest()
    assert whole["ETag"] == f'"{digest.hex()}"' == f'"{snapshot.refs()[0].artifact.digest}"'
    assert whole["Content-Disposition"] == 'attachment; filename="gesetze-all-v1.duckdb"'
    part = as_alice.get(url, headers={"Range": "bytes=100-199", "If-Range": whole["ETag"]})
    assert (part.status_code, body_of(part)) == (206, content[100:200])
    assert as_alice.get(url, headers={"If-None-Match": whole["ETag"]}).status_code == 304
    assert (as_alice.head(url)["Content-Length"], as_alice.head(url).content) == (str(len(content)), b"")
    parquet = as_alice.get(f"{snapshot.url}").json()["files"][1]
    assert hashlib.sha256(body_of(as_alice.get(parquet["url"]))).hexdigest() == parquet["sha256"]


def test_the_stable_address_leads_to_the_newest_of_the_series(
    as_alice: APIClient, version: Version, ingest: Ingest, dataset: Dataset
) -> None:
    url = f"/api/v1/datasets/{dataset.pk}/snapshots/nightly/"
    assert as_alice.get(url).status_code == as_alice.get(f"{url}download").status_code == 404
    first = made(as_alice, version=version.pk, series="nightly")
    made(as_alice, version=version.pk, series="other")
    tag = as_alice.get(f"{url}download")["ETag"]
    ingest([{"id": "new"}])
    assert dataset.latest is not None
    second = made(as_alice, version=dataset.latest.pk, series="nightly")
    assert as_alice.get(url).json()["id"] == second.pk
    assert link(first).resolve().name == second.folder
    # Whoever was in the middle of the first gets all of the second, and never a mix.
    other = as_alice.get(f"{url}download", headers={"Range": "bytes=100-199", "If-Range": tag})
    assert other.status_code == 200
    assert hashlib.sha256(body_of(other)).hexdigest() == second.refs()[0].artifact.digest
    for blind in ("bytes=100-199", "bytes=100-", "bytes=99999999-"):
        assert as_alice.get(f"{url}download", headers={"Range": blind}).status_code == 200
    known = {"Range": "bytes=100-199", "If-Range": other["ETag"]}
    assert as_alice.get(f"{url}download", headers=known).status_code == 206
    current = as_alice.get(f"{URL}?current=true&series=nightly").json()["results"]
    assert [each["id"] for each in current] == [second.pk]
    assert as_alice.delete(second.url).status_code == 204
    assert as_alice.get(url).json()["id"] == first.pk
    assert link(first).resolve().name == first.folder


def test_the_same_request_under_a_key_is_one_snapshot(as_alice: APIClient, version: Version) -> None:
    key = {"Idempotency-Key": "k"}
    answers = [
        as_alice.post(URL, {"version": version.pk}, format="json", headers=key).json() for _ in range(2)
    ]
    assert answers[0]["job"]["id"] == answers[1]["job"]["id"]
    assert Snapshot.objects.count() == 1


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({"version": 99_999}, 404, "version"),
    ({"version": "latest"}, 400, "version"),
    ({"theme": 99_999}, 404, "theme"),
    ({"theme": "No such theme"}, 404, "theme"),
    ({"theme": ""}, 400, "theme"),
    ({"theme": True}, 400, "theme"),
    ({"theme": "9" * 40}, 404, "theme"),
    ({"weighting_rules": [99_999]}, 404, "weighting_rules[0]"),
    ({"weighting_rules": ["No such rule"]}, 404, "weighting_rules[0]"),
    ({"weighting_rules": 3}, 400, "weighting_rules"),
    ({"series": "Nightly"}, 400, "series"),
    ({"series": "../x"}, 400, "series"),
    ({"series": ""}, 400, "series"),
    ({"keep_last": 0}, 400, "keep_last"),
    ({"serie": "x"}, 400, "serie"),
]


def test_bad_requests_name_the_field(as_alice: APIClient, version: Version, rule: WeightingRule) -> None:
    twice = ({"weighting_rules": [rule.pk, rule.pk]}, 400, "weighting_rules")
    for body, status, field in [*BAD, twice]:
        response = as_alice.post(URL, {"version": version.pk, **body}, format="json")
        assert (response.status_code, list(response.json()["fields"])) == (status, [field]), body
    assert list(as_alice.post(URL, {}, format="json").json()["fields"]) == ["version"]
    assert not Snapshot.objects.exists()


def test_a_theme_and_rules_go_by_name_too(
    as_alice: APIClient, version: Version, theme: Theme, rule: WeightingRule
) -> None:
    snapshot = made(as_alice, version=version.pk, theme=theme.name.upper(), weighting_rules=[rule.name])
    told = as_alice.get(snapshot.url).json()
    assert told["theme"]["id"] == theme.pk
    assert told["weighting_rules"][0]["name"] == rule.name
    same = made(as_alice, version=version.pk, theme=str(theme.pk), weighting_rules=[str(rule.pk)])
    assert same.theme_id == theme.pk


def test_a_theme_of_another_dataset_is_refused(as_alice: APIClient, version: Version, alice: User) -> None:
    other = datasets.create_dataset(user=alice, name="Andere")
    theme = themes.create_theme(other, user=alice, name="T", where={"all": []})
    rule = rules.create_rule(other, user=alice, name="R", definition={"kind": "value", "field": "n"})
    for body, field in (({"theme": theme.pk}, "theme"), ({"weighting_rules": [rule.pk]}, "weighting_rules")):
        response = as_alice.post(URL, {"version": version.pk, **body}, format="json")
        assert (response.status_code, list(response.json()["fields"])) == (422, [field])


def test_a_bad_query_is_refused(as_alice: APIClient) -> None:
    for query in ("state=done", "current=maybe", "dataset=x", "serie=x", "ordering=size", "cursor=x"):
        response = as_alice.get(f"{URL}?{query}")
        assert (response.status_code, list(response.json()["fields"])) == (400, [query.partition("=")[0]])


def test_to_others_it_does_not_exist(
    as_alice: APIClient, as_bob: APIClient, as_charlie: APIClient, version: Version
) -> None:
    snapshot = made(as_alice, version=version.pk)
    current = f"/api/v1/datasets/{version.dataset_id}/snapshots/all/"
    for url in (snapshot.url, f"{snapshot.url}download", current, f"{current}download"):
        assert as_bob.get(url).status_code == 404, url
        assert as_charlie.get(url).status_code == 200, url
    assert as_bob.delete(snapshot.url).status_code == as_bob.post(f"{snapshot.url}verify/").status_code == 404
    assert as_bob.get(URL).json()["results"] == []
    assert as_bob.post(URL, {"version": version.pk}, format="json").status_code == 404
    assert len(list(store().digests(FILES))) == 3
