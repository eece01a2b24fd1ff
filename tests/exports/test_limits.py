"""How many streams and plans a token may have."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from exports.limits import Consumer
from exports.models import CountedPlan, Stream
from tests.conftest import client_of
from tests.exports.conftest import text
from themis_admin.accounts.models import ApiToken, User
from themis_admin.datasets.models import Version

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
URL = "/api/export/jsonl_llm/stream"


def post(client: APIClient, **body: Any) -> Any:
    return client.post(URL, {"theme": "Lärm", **body}, format="json")


def test_the_download_has_a_name(version: Version, as_alice: APIClient) -> None:
    response: Any = as_alice.post("/api/export/jsonl_llm", {"theme": "Lärm"}, format="json")
    name = response["Content-Disposition"]
    export = response["X-Themis-Export"]
    assert re.fullmatch(r"exp_[0-9a-f]{16}", export)
    assert name == (
        f"attachment; filename=\"export_{export}_L_rm.jsonl\"; filename*=UTF-8''export_{export}_L%C3%A4rm.jsonl"
    )
    assert text(response) == text(post(as_alice))
    plain: Any = as_alice.post("/api/export/jsonl_llm", {"theme": "Daten"}, format="json")
    assert re.search(r'filename="export_exp_[0-9a-f]{16}_Daten\.jsonl"', plain["Content-Disposition"])


def test_new_plans_are_limited_and_known_ones_are_free(
    version: Version, as_alice: APIClient, alice: User, settings: Settings
) -> None:
    settings.THEMIS = replace(settings.THEMIS, max_plans_an_hour=3)
    for seed in range(3):
        assert post(as_alice, order="shuffled", seed=seed).status_code == 200
    refused = post(as_alice, order="shuffled", seed=3)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_plans")
    assert 3500 < int(refused["Retry-After"]) <= 3601
    assert post(as_alice, order="shuffled", seed=4, dry_run=True).status_code == 429
    # Ranks, resumes and dry runs of counted plans, other tokens and the browser have not used theirs up.
    known = post(as_alice, order="shuffled", seed=1, rank=1, world_size=2)
    assert known.status_code == 200
    assert post(as_alice, order="shuffled", seed=1, dry_run=True).status_code == 200
    assert as_alice.post(URL, {"cursor": known["X-Themis-Cursor"]}, format="json").status_code == 200
    assert post(client_of(alice, "export"), order="shuffled", seed=3).status_code == 200
    browser = APIClient()
    browser.force_login(alice)
    for seed in range(5):
        assert post(browser, order="shuffled", seed=seed, dry_run=True).status_code == 200
    assert [post(browser, order="shuffled", seed=seed).status_code for seed in range(4)] == [
        200,
        200,
        200,
        429,
    ]
    # A file is a plan as well; the browser's look at one is free.
    for client, dry_run, status in ((as_alice, False, 429), (browser, True, 200), (browser, False, 429)):
        body = {"theme": "Lärm", "order": "shuffled", "seed": 99, "file": {}, "dry_run": dry_run}
        assert client.post("/api/v1/exports/", body, format="json").status_code == status
    # An hour later there is room again.
    CountedPlan.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    assert post(as_alice, order="shuffled", seed=3).status_code == 200


def test_open_streams_are_limited_until_they_end_or_their_lease_does(
    version: Version, as_alice: APIClient, alice: User, settings: Settings
) -> None:
    settings.THEMIS = replace(settings.THEMIS, max_streams=2)
    held = [post(as_alice), post(as_alice)]
    refused = post(as_alice)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
    assert int(refused["Retry-After"]) > 0
    assert post(client_of(alice, "export")).status_code == 200
    text(held[0])
    held.append(post(as_alice))
    assert held[-1].status_code == 200
    assert post(as_alice).status_code == 429
    # One that goes away unread frees its place as well.
    request_finished.disconnect(close_old_connections)  # it would close the test's own
    held[-1].close()
    request_finished.connect(close_old_connections)
    held.append(post(as_alice))
    assert held[-1].status_code == 200
    Stream.objects.filter(export_id=held[-1]["X-Themis-Export"]).update(lease_until=timezone.now())
    assert post(as_alice).status_code == 200


def test_a_consumer_whose_token_was_revoked_may_not_go_on(alice: User, version: Version) -> None:
    client_of(alice, "export")
    token = ApiToken.objects.latest("pk")
    consumer = Consumer(alice, token)
    consumer.check()
    ApiToken.objects.filter(pk=token.pk).update(revoked_at=timezone.now())
    with pytest.raises(Exception, match="revoked"):
        consumer.check()
