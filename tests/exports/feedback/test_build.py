"""What a run told becomes a weighting that never changes."""

import pytest
from rest_framework.test import APIClient

from exports.models import Factors, FeedbackRun
from tests.exports.conftest import Ask, lines
from tests.exports.feedback.conftest import plan_of, ran, tell
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job


@pytest.mark.django_db(transaction=True)
def test_a_run_becomes_a_weighting_that_never_changes(
    version: Version, dataset: Dataset, ask: Ask, as_alice: APIClient, writer: APIClient, alice: User
) -> None:
    plan = plan_of(ask, dataset=dataset.pk, quality_filters={"skip_empty_outputs": False})["plan"]
    hard = {"plan": plan, "positions": [0, 1, 2], "losses": [4.0, 1.0, 1.0]}
    url = tell(as_alice, run="lora", sender="a", seq=1, **hard)["url"]
    assert writer.get(f"{url}difficulty/").status_code == 409
    assert ran(writer.post(f"{url}difficulty/")).state == "succeeded"
    found = writer.get(f"{url}difficulty/", {"length": 2}).json()
    assert [(each["position"], each["difficulty"]) for each in found["results"]] == [(0, 4.0), (1, 1.0)]
    assert found["difficulty"]["num_samples"] == 3
    assert found["num_records_since"] == 0

    assert writer.post(f"{url}weighting/", {"name": "Hard", "least": 3}, format="json").status_code == 400
    job = ran(writer.post(f"{url}weighting/", {"name": "Hard", "missing": 0.25}, format="json"))
    assert job.state == "succeeded", job.error
    assert job.result is not None
    rule = writer.get(f"/api/v1/weighting-rules/{job.result['weighting_rule']}/").json()
    assert rule["kind"] == "adaptive"
    query = {"dataset": dataset.pk, "weighting": {"rules": ["Hard"], "weight_field": "none"}, "explain": True}
    before = lines(ask(**query))
    assert [line["weight_factors"]["Hard"] for line in before] == [2.0, 0.5, 0.5, 0.25, 0.25]
    for change in ({"missing": 1}, {"kind": "value", "field": "id"}):
        refused = writer.patch(rule["url"], change, format="json")
        assert (refused.status_code, refused.json()["code"]) == (409, "immutable_rule")
    same = {"description": "By the first run.", "missing": 0.25}
    assert writer.patch(rule["url"], same, format="json").json()["factors"] == rule["factors"]

    # More is told, and another weighting made; the run and the first rule go. The plan still has its factors.
    cursor = plan_of(ask, **query)["cursor"]
    tell(as_alice, run="lora", sender="a", seq=2, plan=plan, positions=[1] * 9, losses=[50.0] * 9)
    assert ran(writer.post(f"{url}weighting/", {"name": "Hard 2"}, format="json")).state == "succeeded"
    assert writer.delete(rule["url"]).status_code == 204
    folder = FeedbackRun.objects.get().folder
    assert writer.delete(url).status_code == 204
    for job in Job.objects.filter(state="queued"):
        runner.run(job.pk)
    assert not folder.exists()
    assert lines(ask(cursor=cursor)) == before
    assert Factors.objects.count() == 2
