"""Feedback over REST: seen and told by those who may, as JSON for everyone."""

import json

from rest_framework.test import APIClient

from exports.models import FeedbackRun
from tests.exports.conftest import SAMPLES, Ask
from tests.exports.feedback.conftest import URL, plan_of, tell
from themis_admin.datasets.models import Dataset, Version


def test_others_see_and_tell_nothing(
    version: Version, dataset: Dataset, ask: Ask, as_alice: APIClient, as_bob: APIClient
) -> None:
    plan = plan_of(ask, dataset=dataset.pk)["plan"]
    answer = tell(as_alice, cursor=f"{plan}.0", loss=1)
    stranger = tell(as_bob, cursor=f"{plan}.0", loss=1)
    assert [each["code"] for each in stranger["errors"]] == ["unknown_plan"]
    assert as_bob.post(URL, {"dataset": dataset.pk, "items": []}, format="json").status_code == 404
    for path in ("", "difficulty/"):
        assert as_bob.get(answer["url"] + path).status_code == 404
    assert as_bob.get(URL).json()["results"] == []
    run = FeedbackRun.objects.get()
    assert run.num_records == 1


def test_documents_of_feedback_are_json_for_everyone(
    version: Version, dataset: Dataset, ask: Ask, as_alice: APIClient
) -> None:
    plan = plan_of(ask, dataset=dataset.pk)["plan"]
    url = tell(as_alice, run="lä uf", cursor=f"{plan}.0", loss=1)["url"]
    answer = as_alice.get(url)
    assert json.loads(answer.content)["name"] == "lä uf"
    assert as_alice.get(URL, {"name": "UF"}).json()["results"][0]["id"] == answer.json()["id"]
    assert as_alice.get(URL, {"dataset": 10**9}).json()["results"] == []
    assert len(SAMPLES) == version.num_samples
