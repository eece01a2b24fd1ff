"""Freezing and verifying: all or nothing, and every change is found."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tests.themis_admin.snapshots.conftest import URL, link, made
from themis_admin.accounts.models import AuditEntry, User
from themis_admin.artifacts.models import ArtifactRef
from themis_admin.datasets import services as datasets
from themis_admin.datasets.models import Theme, Version, WeightingRule
from themis_admin.datasets.rules import services as rules
from themis_admin.datasets.themes import services as themes
from themis_admin.jobs import runner
from themis_admin.jobs.models import Event, Job
from themis_admin.snapshots import archive
from themis_admin.snapshots import build as snapshot_build
from themis_admin.snapshots import services as snapshots
from themis_admin.snapshots.models import Snapshot
from themisdb_datasets.engine.shards.shard import describe_file
from themisdb_datasets.errors import NotFoundError

pytestmark = pytest.mark.django_db(transaction=True)


def rows(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(statement).fetchall()


def test_a_version_a_theme_and_rules_are_frozen(
    as_alice: APIClient, version: Version, theme: Theme, rule: WeightingRule
) -> None:
    snapshot = made(as_alice, version=version.pk, theme=theme.pk, weighting_rules=[rule.pk])
    themes.update_theme(theme, user=version.dataset.owner, where={"all": []})
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


def test_a_process_that_was_killed_before_it_pointed_is_made_up_for(
    as_alice: APIClient, version: Version
) -> None:
    first, second = (made(as_alice, version=version.pk) for _ in range(2))
    archive.archive().point(version.dataset_id, "all", first.folder)
    archive.tidy()
    assert link(first).resolve().name == second.folder


def test_what_was_deleted_meanwhile_is_not_frozen(version: Version, theme: Theme, alice: User) -> None:
    themes.delete_theme(Theme.objects.get(pk=theme.pk), user=alice)
    with pytest.raises(NotFoundError, match="theme was deleted"):
        snapshots.start_snapshot(version, user=alice, theme=theme)
    datasets.delete_dataset(version.dataset, user=alice)
    with pytest.raises(NotFoundError, match="version was deleted"):
        snapshots.start_snapshot(version, user=alice)
