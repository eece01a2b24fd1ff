"""What a label may be called, and that it goes with its dataset."""

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import put
from themis_admin.accounts.models import User
from themis_admin.datasets import services
from themis_admin.datasets.models import Dataset, Version, VersionLabel

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("name", ["latest", "Latest", "7", "1a", "a b", "ä", "-x", "a" * 64, "a%2Fb", "%00"])
def test_names_that_could_mean_something_else_are_refused(
    as_alice: APIClient, version: Version, dataset: Dataset, name: str
) -> None:
    answer = put(as_alice, dataset, name, 1)
    assert answer.status_code in (400, 404), answer.content
    assert not VersionLabel.objects.exists()


def test_a_dataset_goes_with_its_labels(
    as_alice: APIClient, alice: User, version: Version, dataset: Dataset
) -> None:
    put(as_alice, dataset, "stable", 1)
    services.delete_dataset(dataset, user=alice)
    assert not VersionLabel.objects.exists()
