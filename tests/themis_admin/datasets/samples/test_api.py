"""REST: the samples of versions and themes."""

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from tests.themis_admin.datasets.samples.conftest import positions, samples
from themis_admin.datasets.models import Dataset, Version

pytestmark = pytest.mark.django_db(transaction=True)


def test_samples_come_in_stored_order_page_by_page(as_alice: APIClient, version: Version) -> None:
    first = samples(as_alice, version, length=3)
    assert (first["num_samples"], positions(first), first["previous"]) == (4, [0, 1, 2], None)
    second = as_alice.get(first["next"]).json()
    assert (positions(second), second["next"]) == ([3], None)
    assert [each["sample"] for each in first["results"] + second["results"]] == SAMPLES
    assert positions(as_alice.get(second["previous"]).json()) == [0, 1, 2]


def test_numbers_and_escapes_come_out_as_they_went_in(
    ingest: Ingest, as_alice: APIClient, dataset: Dataset
) -> None:
    line = rb'{"n": 12345678901234567890123, "x": 1.0, "e": 1E2, "t": "\u00e4\/", "z": {"b": 1, "a": -0.0}}'
    ingest([line])
    assert dataset.latest is not None
    assert line in as_alice.get(f"{dataset.latest.url}samples/").content
    assert line in as_alice.get(f"{dataset.latest.url}samples/0/").content


def test_one_sample_by_its_position(as_alice: APIClient, version: Version) -> None:
    assert as_alice.get(f"{version.url}samples/2/").json() == {"position": 2, "sample": SAMPLES[2]}
    missing = as_alice.get(f"{version.url}samples/4/")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert as_alice.get(f"{version.url}samples/{10**30}/").status_code == 404


def test_a_page_of_very_long_samples_ends_early_and_goes_on(
    ingest: Ingest, as_alice: APIClient, dataset: Dataset
) -> None:
    ingest([{"n": n, "text": "x" * 3_000_000} for n in range(5)])
    assert dataset.latest is not None
    first = samples(as_alice, dataset.latest)
    assert positions(first) == [0, 1]
    assert positions(as_alice.get(first["next"]).json()) == [2, 3]
