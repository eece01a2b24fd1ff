"""A difference is kept as a file, and follows the key field."""

from pathlib import Path

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.diffs.conftest import NEW, ask
from themis_admin.accounts.models import User
from themis_admin.datasets import services as datasets
from themis_admin.datasets.ingest import services as ingest
from themis_admin.datasets.models import Version
from themis_admin.jobs import runner

pytestmark = pytest.mark.django_db(transaction=True)


def test_versions_of_two_datasets_are_not_compared(
    as_alice: APIClient, alice: User, version: Version, tmp_path: Path
) -> None:
    other = datasets.create_dataset(user=alice, name="Andere", key_field="id")
    (tmp_path / "other.jsonl").write_bytes(NEW + b"\n")
    runner.run(ingest.start_ingest(other, user=alice, sources=[tmp_path / "other.jsonl"]).pk)
    other.refresh_from_db()
    answer = as_alice.get(f"{version.url}diff/?against={other.latest_id}")
    assert answer.status_code == 422
    assert "against" in answer.json()["fields"]


def test_it_is_kept_and_follows_the_key_field(as_alice: APIClient, version: Version, second: Version) -> None:
    ask(as_alice, second, against=version.pk)
    as_alice.patch(second.dataset.url, {"key_field": "law"}, format="json")
    by_law = ask(as_alice, second, against=version.pk)
    assert (by_law["key_field"], by_law["changed"]) == ("law", 0)
