"""Feedback goes with its dataset, and is read by nobody else's rules."""

import pytest
from rest_framework.test import APIClient

from exports.models import Factors, FeedbackRun
from tests.conftest import client_of
from tests.exports.conftest import Ask
from tests.exports.feedback.conftest import plan_of, ran, tell
from themis_admin.accounts.models import User
from themis_admin.artifacts.models import Artifact, ArtifactRef
from themis_admin.datasets import services
from themis_admin.datasets.models import Dataset, Version


def test_a_rule_cannot_read_what_is_not_its_datasets(
    version: Version, dataset: Dataset, ask: Ask, as_alice: APIClient, writer: APIClient, bob: User
) -> None:
    plan = plan_of(ask, dataset=dataset.pk)["plan"]
    url = tell(as_alice, cursor=f"{plan}.0", loss=1)["url"]
    assert ran(writer.post(f"{url}weighting/", {"name": "Hard"}, format="json")).state == "succeeded"
    digest = Factors.objects.get().digest
    other = services.create_dataset(user=bob, name="Other")
    stolen = {"name": "Stolen", "kind": "adaptive", "factors": digest}
    as_other = client_of(bob, "read", "write")
    for path in ("", "preview/"):
        body = stolen if not path else {"kind": "adaptive", "factors": digest}
        response = as_other.post(f"/api/v1/datasets/{other.pk}/weighting-rules/{path}", body, format="json")
        assert response.status_code in (400, 422), response.content


@pytest.mark.django_db(transaction=True)
def test_a_deleted_dataset_takes_its_feedback_along(
    version: Version, dataset: Dataset, ask: Ask, as_alice: APIClient, writer: APIClient, alice: User
) -> None:
    plan = plan_of(ask, dataset=dataset.pk)["plan"]
    url = tell(as_alice, cursor=f"{plan}.0", loss=1)["url"]
    assert ran(writer.post(f"{url}weighting/", {"name": "Hard"}, format="json")).state == "succeeded"
    folder = FeedbackRun.objects.get().folder
    assert folder.exists()
    assert Artifact.objects.count() == 2
    services.delete_dataset(dataset, user=alice)
    assert not folder.exists()
    assert not ArtifactRef.objects.exists()
