"""The console's pages about snapshots: made by the form, shown, verified, removed."""

import pytest
from django.test import Client

from tests.conftest import page
from tests.themis_admin.console.conftest import theme, version
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Theme, Version
from themis_admin.datasets.rules import services as rules
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job
from themis_admin.snapshots.models import Snapshot

__all__ = ["theme", "version"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made(alices: Client, theme: Theme, version: Version, alice: User) -> Snapshot:
    """A snapshot that was asked for in the form."""
    definition = {"kind": "length", "of": "text", "scale": 10}
    rule = rules.create_rule(version.dataset, user=alice, name="Lang", definition=definition)
    form = {"theme": theme.pk, "weighting_rules": [rule.pk], "series": "", "keep_last": ""}
    answer = alices.post(f"/versions/{version.pk}/snapshots/new/", form)
    snapshot = Snapshot.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/snapshots/{snapshot.pk}/")
    return snapshot


def run(snapshot: Snapshot) -> Snapshot:
    runner.run(Job.objects.filter(state="queued", params__snapshot=snapshot.pk).get().pk)
    return Snapshot.objects.for_lists().get(pk=snapshot.pk)


def test_the_form_freezes_what_is_chosen(made: Snapshot, alices: Client) -> None:
    waiting = page(alices, f"/snapshots/{made.pk}/")
    assert "Waiting for a worker" in waiting
    assert "Download" not in waiting
    done = run(made)
    html = page(alices, f"/snapshots/{made.pk}/")
    assert "law contains “BImSch”" in html
    assert "Lang: more for a longer text, up to 1.5" in html
    for part in (
        "snapshot.duckdb",
        "samples.parquet",
        "meta.n",
        '<div id="statistics-data" hidden>',
        done.refs()[0].artifact.digest,
    ):
        assert part in html, part
    assert f"/api/v1/datasets/{made.dataset_id}/snapshots/immissionsschutz-lang/download" in html
    assert "newest" in page(alices, "/snapshots/")
    assert "It made a snapshot of 2 samples" in page(alices, f"/jobs/{done.job_id}/")


def test_it_can_be_made_from_a_version_and_from_a_theme(
    alices: Client, theme: Theme, version: Version
) -> None:
    address = f"/versions/{version.pk}/snapshots/new/"
    assert address in page(alices, f"/versions/{version.pk}/")
    assert f"{address}?theme={theme.pk}" in page(alices, f"/themes/{theme.pk}/")
    assert address in page(alices, "/snapshots/")
    assert f'<option value="{theme.pk}" selected>' in page(alices, f"{address}?theme={theme.pk}")
    page(alices, f"{address}?theme=nonsense")


def test_a_verification_is_a_job_whose_result_is_shown(made: Snapshot, alices: Client) -> None:
    run(made)
    asked = alices.post(f"/snapshots/{made.pk}/verify/")
    run(made)
    assert "is what its version, its theme and its rules give" in page(alices, asked["Location"])
    assert "nothing has changed" in page(alices, f"/snapshots/{made.pk}/")
    Snapshot.objects.update(problems=["samples.parquet is missing."])
    assert "samples.parquet is missing." in page(alices, f"/snapshots/{made.pk}/")


def test_removing_says_what_goes(made: Snapshot, alices: Client, bobs: Client) -> None:
    address = f"/snapshots/{made.pk}/remove/"
    refused = alices.post(address)
    assert (refused.status_code, "cancel that first" in refused.content.decode()) == (409, True)
    run(made)
    assert "whose address leads to nothing from then on" in page(alices, address)
    assert bobs.post(address).status_code == bobs.post(f"/snapshots/{made.pk}/verify/").status_code == 404
    assert alices.post(address)["Location"] == "/snapshots/"
    assert not Snapshot.objects.exists()


def test_a_snapshot_that_failed_says_why(made: Snapshot, alices: Client) -> None:
    Job.objects.filter(params__snapshot=made.pk).update(state="failed", error="The disk is nearly full.")
    html = page(alices, f"/snapshots/{made.pk}/")
    assert "The disk is nearly full." in html
    assert "Retry it from its job" in html


def test_without_datasets_the_list_says_where_to_begin(bobs: Client) -> None:
    assert "/datasets/" in page(bobs, "/snapshots/")
    assert "there is none yet" in page(bobs, "/snapshots/")


def test_a_dataset_shows_the_newest_of_each_series(made: Snapshot, alices: Client) -> None:
    address = f"/datasets/{made.dataset_id}/"
    assert "No snapshot yet" in page(alices, address)
    run(made)
    assert f"/snapshots/{made.pk}/" in page(alices, address)
