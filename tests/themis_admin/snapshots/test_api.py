"""Snapshots over REST: frozen, downloaded, verified, the newest of a series, removed, and nobody else's."""

import asyncio
import hashlib
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.accounts.models import AuditEntry, User
from themis_admin.artifacts.models import ArtifactRef
from themis_admin.datasets import services as datasets
from themis_admin.datasets.models import Dataset, Theme, Version, WeightingRule
from themis_admin.datasets.rules import services as rules
from themis_admin.datasets.themes import services as theme_services
from themis_admin.jobs import runner
from themis_admin.jobs.models import Event, Job
from themis_admin.snapshots import archive
from themis_admin.snapshots import build as snapshot_build
from themis_admin.snapshots import services as snapshots
from themis_admin.snapshots.models import Snapshot
from themis_admin.storage.stores import FILES, store
from themisdb_datasets.engine.shards.shard import describe_file
from themisdb_datasets.errors import NotFoundError

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/v1/snapshots/"


@pytest.fixture
def theme(dataset: Dataset, version: Version, alice: User) -> Theme:
    where = {"field": "law", "op": "contains", "value": "BImSch"}
    return theme_services.create_theme(dataset, user=alice, name="Immissionsschutz", where=where)


@pytest.fixture
def rule(dataset: Dataset, version: Version, alice: User) -> WeightingRule:
    definition = {"kind": "map", "field": "section", "factors": {"§ 5": 1.5}, "default": 0.5}
    return rules.create_rule(dataset, user=alice, name="Fünf", definition=definition)


def made(client: APIClient, **body: Any) -> Snapshot:
    """A snapshot, asked for over HTTP and made by the real runner in this process."""
    response = client.post(URL, body, format="json")
    assert response.status_code == 202, response.json()
    runner.run(response.json()["job"]["id"])
    snapshot = Snapshot.objects.for_lists().get(pk=response.json()["snapshot"]["id"])
    assert snapshot.state == "succeeded", snapshot.job and snapshot.job.error
    return snapshot


def body_of(response: Any) -> bytes:
    async def read() -> bytes:
        return b"".join([bytes(piece) async for piece in response])

    return asyncio.run(read())


def rows(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(statement).fetchall()


def link(snapshot: Snapshot) -> Path:
    return archive.archive().link(snapshot.dataset_id, snapshot.series)


def test_a_version_a_theme_and_rules_are_frozen(
    as_alice: APIClient, version: Version, theme: Theme, rule: WeightingRule
) -> None:
    snapshot = made(as_alice, version=version.pk, theme=theme.pk, weighting_rules=[rule.pk])
    theme_services.update_theme(theme, user=version.dataset.owner, where={"all": []})
    rules.delete_rule(rule, user=version.dataset.owner)
    told = as_alice.get(snapshot.url).json()
    assert (told["state"], told["num_samples"], told["series"]) == ("succeeded", 2, "immissionsschutz-funf")
    assert told["theme"]["where"] == {"field": "law", "op": "contains", "value": "BImSch"}
    (frozen,) = told["weighting_rules"]
    assert (frozen["name"], frozen["definition"]["factors"]) == ("Fünf", {"§ 5": 1.5})
    assert told["manifest"]["weighting"]["rules"] == told["weighting_rules"]
    assert told["version_digest"] == told["manifest"]["version"]["digest"] == version.digest
    assert [file["name"] for file in told["files"]] == ["snapshot.duckdb", "samples.parquet", "manifest.json"]
    file = link(snapshot) / "snapshot.duckdb"
    assert rows(file, 'SELECT id, law, year, weight, "Fünf" FROM samples JOIN weights USING (position)') == [
        ("bimschg/4", "BImSchG", 1974, 0.5, 0.5),
        ("bimschg/5", "BImSchG", 1974, 1.5, 1.5),
    ]
    assert json.loads((link(snapshot) / "manifest.json").read_bytes()) == told["manifest"]
    assert Event.objects.get(kind="snapshot.published").data["snapshot"] == snapshot.pk
    assert AuditEntry.objects.filter(action="snapshot.created").exists()


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


def test_a_failed_snapshot_leaves_the_newest_where_it_was(as_alice: APIClient, version: Version) -> None:
    first = made(as_alice, version=version.pk)
    answer = as_alice.post(URL, {"version": version.pk}, format="json").json()
    as_alice.post(f"/api/v1/jobs/{answer['job']['id']}/cancel/")
    assert as_alice.get(f"{URL}{answer['snapshot']['id']}/").json()["state"] == "cancelled"
    assert as_alice.get(f"/api/v1/datasets/{version.dataset_id}/snapshots/all/").json()["id"] == first.pk
    assert as_alice.get(f"{URL}{answer['snapshot']['id']}/download").status_code == 409
    assert as_alice.post(f"{URL}{answer['snapshot']['id']}/verify/").status_code == 409
    again = as_alice.post(f"/api/v1/jobs/{answer['job']['id']}/retry/").json()["job"]["id"]
    runner.run(again)
    assert as_alice.get(f"/api/v1/datasets/{version.dataset_id}/snapshots/all/").json()["job"]["id"] == again


def test_a_claim_lost_at_the_last_moment_publishes_nothing(
    as_alice: APIClient, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = as_alice.post(URL, {"version": version.pk}, format="json").json()
    monkeypatch.setattr(runner, "REPORT_SECONDS", 1e9)  # the first report after the start is the end
    lost = runner.claim(answer["job"]["id"])
    assert lost is not None
    lost.workdir.mkdir(parents=True)
    lost.report(0, 8, unit="samples")
    Job.objects.filter(pk=lost.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    runner.release_expired()
    with pytest.raises(runner.FencedError):
        snapshot_build.build_snapshot(lost, answer["snapshot"]["id"])
    snapshot = Snapshot.objects.for_lists().get()
    assert (snapshot.state, link(snapshot).is_symlink()) == ("queued", False)
    assert not ArtifactRef.objects.exists()

    runner.run(lost.id)
    snapshot.refresh_from_db()
    assert link(snapshot).resolve().name == snapshot.folder
    assert Event.objects.filter(kind="snapshot.published").count() == 1


def problems_of(client: APIClient, snapshot: Snapshot) -> list[str]:
    """What a verification finds, each by its first words."""
    answer = client.post(f"{snapshot.url}verify/")
    assert answer.status_code == 202
    runner.run(answer.json()["job"]["id"])
    told = client.get(snapshot.url).json()
    assert told["verified_at"] is not None
    job = Job.objects.get(pk=answer.json()["job"]["id"])
    assert (job.state, job.result["problems"]) == ("succeeded", told["problems"])
    return [problem.partition(":")[0] for problem in told["problems"]]


def test_a_verification_finds_what_changed(as_alice: APIClient, version: Version, theme: Theme) -> None:
    snapshot = made(as_alice, version=version.pk, theme=theme.pk)
    assert problems_of(as_alice, snapshot) == []
    file = link(snapshot) / "samples.parquet"
    file.chmod(0o644)
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert problems_of(as_alice, snapshot) == ["samples.parquet has changed"]
    file.write_bytes(content)
    assert problems_of(as_alice, snapshot) == []


def test_a_verification_does_not_believe_a_manifest_that_was_changed_too(
    as_alice: APIClient, version: Version, rule: WeightingRule
) -> None:
    snapshot = made(as_alice, version=version.pk, weighting_rules=[rule.pk])
    folder = link(snapshot)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "snapshot.duckdb").chmod(0o644)
    with duckdb.connect(str(folder / "snapshot.duckdb")) as connection:
        connection.execute(f'UPDATE weights SET "{rule.name}" = 9')
    manifest["files"]["snapshot.duckdb"] = describe_file(folder / "snapshot.duckdb")
    (folder / "manifest.json").chmod(0o644)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    found = problems_of(as_alice, snapshot)
    assert [problem.split(" ")[0] for problem in found] == ["snapshot.duckdb", "manifest.json"]
    (folder / "manifest.json").write_text("{}")
    assert len(problems_of(as_alice, snapshot)) == 2


def test_a_verification_looks_at_what_is_downloaded_too(as_alice: APIClient, version: Version) -> None:
    snapshot = made(as_alice, version=version.pk)
    ref = snapshot.refs().get(name="snapshot.duckdb")
    content = bytearray(ref.artifact.path.read_bytes())
    content[-1] ^= 1
    ref.artifact.path.unlink()
    assert problems_of(as_alice, snapshot) == ["The download of snapshot.duckdb is missing."]
    ref.artifact.path.write_bytes(content)
    assert problems_of(as_alice, snapshot) == ["The download of snapshot.duckdb has changed"]


def test_a_snapshot_keeps_its_version_and_its_dataset(
    as_alice: APIClient, version: Version, ingest: Ingest, dataset: Dataset
) -> None:
    snapshot = made(as_alice, version=version.pk)
    refused = as_alice.delete(f"/api/v1/datasets/{dataset.pk}/")
    assert (refused.status_code, refused.json()["code"]) == (409, "still_used")
    assert "1 snapshot" in refused.json()["error"]
    assert Dataset.objects.filter(pk=dataset.pk).exists()
    assert as_alice.delete(snapshot.url).status_code == 204
    assert as_alice.delete(f"/api/v1/datasets/{dataset.pk}/").status_code == 204


def test_what_is_removed_stays_for_its_readers_a_while(
    as_alice: APIClient, version: Version, folders: Path
) -> None:
    snapshot = made(as_alice, version=version.pk)
    folder = link(snapshot).resolve()
    assert as_alice.delete(snapshot.url).status_code == 204
    assert as_alice.get(snapshot.url).status_code == 404
    assert not ArtifactRef.objects.exists()
    assert Job.objects.filter(kind="collect").exists()
    archive.tidy()
    assert not link(snapshot).is_symlink()
    assert (folder / "snapshot.duckdb").is_file()
    os.utime(folder, (0, 0))
    archive.tidy()
    assert not folder.exists()


def test_a_series_keeps_as_many_as_it_says(as_alice: APIClient, version: Version) -> None:
    kept = [made(as_alice, version=version.pk, series="s", keep_last=2) for _ in range(4)]
    other = made(as_alice, version=version.pk, series="t")
    there = as_alice.get(URL).json()["results"]
    assert [each["id"] for each in there] == [other.pk, kept[3].pk, kept[2].pk]
    removed = Event.objects.filter(kind="snapshot.removed").order_by("id")
    assert [(each.data["snapshot"], each.data["reason"]) for each in removed] == [
        (kept[0].pk, "superseded"),
        (kept[1].pk, "superseded"),
    ]
    assert set(ArtifactRef.objects.values_list("keeper", flat=True)) == {
        other.keeper,
        kept[3].keeper,
        kept[2].keeper,
    }


def test_a_process_that_was_killed_before_it_pointed_is_made_up_for(
    as_alice: APIClient, version: Version
) -> None:
    first, second = (made(as_alice, version=version.pk) for _ in range(2))
    archive.archive().point(version.dataset_id, "all", first.folder)
    archive.tidy()
    assert link(first).resolve().name == second.folder


def test_two_themes_of_nearly_one_name_have_series_of_their_own(
    as_alice: APIClient, version: Version, dataset: Dataset, alice: User
) -> None:
    where: dict[str, Any] = {"all": []}
    themes = [
        theme_services.create_theme(dataset, user=alice, name=name, where=where) for name in ("Lärm", "Larm")
    ]
    series = [made(as_alice, version=version.pk, theme=theme.pk).series for theme in themes]
    assert series == ["larm", f"larm-{themes[1].pk}"]


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


def test_what_was_deleted_meanwhile_is_not_frozen(version: Version, theme: Theme, alice: User) -> None:
    theme_services.delete_theme(Theme.objects.get(pk=theme.pk), user=alice)
    with pytest.raises(NotFoundError, match="theme was deleted"):
        snapshots.start_snapshot(version, user=alice, theme=theme)
    datasets.delete_dataset(version.dataset, user=alice)
    with pytest.raises(NotFoundError, match="version was deleted"):
        snapshots.start_snapshot(version, user=alice)


def test_a_theme_of_another_dataset_is_refused(as_alice: APIClient, version: Version, alice: User) -> None:
    other = datasets.create_dataset(user=alice, name="Andere")
    theme = theme_services.create_theme(other, user=alice, name="T", where={"all": []})
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
