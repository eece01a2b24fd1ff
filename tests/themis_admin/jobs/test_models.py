"""Jobs as rows: seen by whose they are."""

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.jobs.conftest import submit
from themis_admin.accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("method", "tail"), [("get", ""), ("get", "log/"), ("post", "cancel/"), ("post", "retry/")]
)
def test_others_jobs_are_not_there(alice: User, as_bob: APIClient, method: str, tail: str) -> None:
    job = submit(alice, "toy.count", steps=1)
    answer = getattr(as_bob, method)(f"/api/v1/jobs/{job.pk}/{tail}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
