"""File exports are tried again, removed, and shared where their bytes are the same."""

from pathlib import Path

from rest_framework.test import APIClient

from exports.files import services as file_exports
from exports.links import services as links
from exports.models import FileExport, Link
from tests.conftest import client_of
from tests.exports.conftest import URL, Make, client_answer
from tests.exports.files.conftest import content
from themis_admin.accounts.models import AuditEntry, User
from themis_admin.artifacts.models import ArtifactRef
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job


def test_a_removed_version_fails_the_export_with_the_reason(as_alice: APIClient, version: Version) -> None:
    job = as_alice.post(URL, {"theme": "Lärm"}, format="json").json()["job"]["id"]
    Dataset.objects.update(latest=None)
    version.delete()
    runner.run(job)
    row = Job.objects.get(pk=job)
    assert (row.state, row.error_code) == ("failed", "stale_cursor")
    assert client_answer(as_alice, URL)["results"][0]["state"] == "failed"


def test_what_failed_can_be_tried_again(as_alice: APIClient, version: Version, folders: Path) -> None:
    answer = as_alice.post(URL, {"theme": "Lärm"}, format="json").json()
    as_alice_too = client_of(version.dataset.owner, "write")
    assert as_alice_too.post(f"/api/v1/jobs/{answer['job']['id']}/cancel/").status_code == 202
    again = as_alice_too.post(f"/api/v1/jobs/{answer['job']['id']}/retry/").json()["job"]["id"]
    runner.run(again)
    export = FileExport.objects.get()
    assert (export.state, export.job_id) == ("succeeded", again)


def test_removing_one_says_which_links_it_breaks(make: Make, as_alice: APIClient, alice: User) -> None:
    export = make(theme="Lärm")
    link = links.create_link(user=alice, export=export, note="for Bob")
    lines = export.refs()[0].artifact
    by_file = links.create_link(user=alice, artifact=lines)
    url = f"{URL}{export.pk}/"
    refused = as_alice.delete(url)
    assert (refused.status_code, refused.json()["code"]) == (409, "breaks_links")
    assert {each["id"] for each in refused.json()["fields"]["broken_links"]} == {link.pk, by_file.pk}
    told = as_alice.delete(f"{url}?dry_run=true")
    assert told.json()["freed_bytes"] == sum(len(each) for each in content(export).values())
    assert FileExport.objects.exists()
    assert as_alice.delete(f"{url}?break_links=true").status_code == 204
    assert as_alice.get(url).status_code == 404
    assert not ArtifactRef.objects.exists()
    assert {each.state for each in Link.objects.all()} == {"removed"}
    assert Job.objects.filter(kind="collect").exists()
    assert AuditEntry.objects.get(action="export.removed").detail["links"] == [link.pk, by_file.pk]


def test_a_file_that_another_export_keeps_breaks_no_link(make: Make, alice: User) -> None:
    first, second = make(theme="Lärm"), make(theme="Lärm")
    link = links.create_link(user=alice, artifact=first.refs()[0].artifact)
    assert file_exports.links_broken_by(first) == []
    file_exports.remove_export(first, user=alice)
    link.refresh_from_db()
    assert link.state == "active"
    assert links.files(link)[0].immutable.path.is_file()
    assert second.refs().count() == 2
