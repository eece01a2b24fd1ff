"""Jobs over REST."""

import pytest
from rest_framework.test import APIClient

from tests.conftest import client_of
from tests.themis_admin.jobs.conftest import submit
from themis_admin.accounts.models import User
from themis_admin.jobs import runner

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_job_tells_everything_about_itself(alice: User, as_alice: APIClient) -> None:
    job = submit(alice, "toy.impossible")
    runner.run(job.pk)
    told = as_alice.get(f"/api/v1/jobs/{job.pk}/").json()
    assert told["url"] == f"/api/v1/jobs/{job.pk}/"
    assert (told["kind"], told["state"], told["created_by"]) == ("toy.impossible", "failed", "alice")
    assert (told["error"], told["error_code"]) == ("The toy cannot be wound up.", "no_spring")
    assert {"done", "total", "unit", "rate", "eta_seconds", "result", "created_at"} <= told.keys()


def test_the_list_is_paged_newest_first_and_filtered(alice: User, as_alice: APIClient) -> None:
    jobs = [submit(alice, "toy.count", steps=1) for _ in range(5)]
    runner.run(jobs[0].pk)
    page = as_alice.get("/api/v1/jobs/", {"page_size": 2}).json()
    assert [job["id"] for job in page["results"]] == [jobs[4].pk, jobs[3].pk]
    assert page["previous"] is None
    page = as_alice.get(page["next"]).json()
    assert [job["id"] for job in page["results"]] == [jobs[2].pk, jobs[1].pk]
    succeeded = as_alice.get("/api/v1/jobs/", {"state": "succeeded"}).json()["results"]
    assert [job["id"] for job in succeeded] == [jobs[0].pk]
    assert as_alice.get("/api/v1/jobs/", {"kind": "ingest"}).json()["results"] == []


def test_an_unknown_state_is_told_with_the_nearest(as_alice: APIClient) -> None:
    answer = as_alice.get("/api/v1/jobs/", {"state": "runing"})
    assert answer.status_code == 400
    assert "running" in answer.json()["fields"]["state"]


def test_cancel_and_retry(alice: User, as_alice: APIClient) -> None:
    job = submit(alice, "toy.count", steps=1)
    answer = as_alice.post(f"/api/v1/jobs/{job.pk}/cancel/")
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    answer = as_alice.post(f"/api/v1/jobs/{job.pk}/cancel/")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_ended")
    answer = as_alice.post(f"/api/v1/jobs/{job.pk}/retry/")
    assert answer.status_code == 202
    assert answer.json()["job"]["state"] == "queued"
    assert answer.json()["job"]["id"] != job.pk


def test_reading_is_not_enough_to_cancel(alice: User) -> None:
    job = submit(alice, "toy.count", steps=1)
    answer = client_of(alice, "read").post(f"/api/v1/jobs/{job.pk}/cancel/")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope")


def test_the_log_has_states_and_lines_but_no_progress(alice: User, as_alice: APIClient) -> None:
    job = submit(alice, "toy.count", steps=40)
    runner.run(job.pk)
    log = as_alice.get(f"/api/v1/jobs/{job.pk}/log/").json()["results"]
    assert [line["kind"] for line in log] == ["job.queued", "job.started", "job.log", "job.succeeded"]
    assert log[2]["data"]["text"].startswith("pid ")
