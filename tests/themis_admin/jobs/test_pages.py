"""Jobs in the browser: state, log, cancelling and retrying."""

import pytest
from django.test import Client

from tests.conftest import page
from tests.themis_admin.console.conftest import version
from tests.themis_admin.datasets.conftest import dataset, folders, ingest
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Version
from themis_admin.jobs import events, pages, services
from themis_admin.jobs.models import Job

__all__ = ["dataset", "folders", "ingest", "version"]


def test_a_job_shows_its_steps_its_log_and_what_came_of_it(alices: Client, version: Version) -> None:
    html = page(alices, f"/jobs/{version.job_id}/")
    assert "a worker has taken it" in html
    assert f"/versions/{version.pk}/" in html
    assert 'data-state="succeeded"' in html


def test_it_filters_by_state(alices: Client, alice: User, version: Version) -> None:
    services.submit("toy", owner=alice, title="Waits", params={})
    assert "Waits" not in page(alices, "/jobs/?state=succeeded")
    assert "Waits" in page(alices, "/jobs/?state=queued")
    assert "Waits" in page(alices, "/jobs/?state=nonsense")
    assert "No job is in this state" in page(alices, "/jobs/?state=failed")


def test_it_filters_by_kind(alices: Client, alice: User, version: Version) -> None:
    services.submit("toy", owner=alice, title="Waits", params={})
    assert '<option value="toy" selected>' in page(alices, "/jobs/?kind=toy&state=queued")
    assert "Waits" in page(alices, "/jobs/?kind=toy")
    assert "Waits" not in page(alices, "/jobs/?kind=ingest")
    assert "Waits" in page(alices, "/jobs/?kind=nonsense")
    assert "No job is in this state" in page(alices, "/jobs/?kind=toy&state=failed")


def test_it_cancels_and_retries(alices: Client, alice: User) -> None:
    job = services.submit("toy", owner=alice, title="Waits", params={"n": 1})
    alices.post(f"/jobs/{job.pk}/cancel/")
    job.refresh_from_db()
    assert job.state == "cancelled"
    alices.post(f"/jobs/{job.pk}/retry/")
    again = Job.objects.exclude(pk=job.pk).get()
    assert (again.title, again.params, again.state) == ("Waits", {"n": 1}, "queued")


def test_what_cannot_be_done_is_said_after_the_way_back(alices: Client, version: Version) -> None:
    for verb in ("cancel", "retry"):
        html = alices.post(f"/jobs/{version.job_id}/{verb}/", follow=True).content.decode()
        assert 'data-toast="error"' in html


def test_only_a_form_cancels(alices: Client, bobs: Client, version: Version) -> None:
    assert alices.get(f"/jobs/{version.job_id}/cancel/").status_code == 405
    assert bobs.post(f"/jobs/{version.job_id}/cancel/").status_code == 404


def test_what_happens_while_a_page_is_made_is_told_to_it(
    alices: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page shows a state of before, so its events go on from before."""
    job = services.submit("toy", owner=alice, title="Waits", params={})
    place = events.last_id()
    steps = pages.steps

    def steps_of_before(row: Job) -> list[pages.JobStep]:
        services.cancel(Job.objects.get(pk=row.pk))
        return steps(row)

    monkeypatch.setattr(pages, "steps", steps_of_before)
    html = page(alices, f"/jobs/{job.pk}/")
    assert 'data-state="queued"' in html
    assert f'data-live-since="{place}"' in html
    assert events.last_id() > place
