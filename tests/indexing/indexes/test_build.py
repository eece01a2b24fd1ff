"""Indexes are built of what was known before, and never of other samples."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from data_forager.datasets.jsonl import JsonlDataset
from rest_framework.test import APIClient

from tests.indexing.conftest import built, numbers, theme_of
from tests.indexing.indexes.conftest import downloaded
from tests.themis_admin.datasets.conftest import Ingest
from tests.themis_admin.datasets.ingest.test_modes import sample
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset

pytestmark = pytest.mark.django_db


def test_data_forager_opens_the_folder_of_a_theme(
    as_alice: APIClient, alice: User, ingest: Ingest, dataset: Dataset, tmp_path: Path
) -> None:
    ingest([sample(n) for n in range(30)])
    ingest([sample(n, "neu") for n in range(5, 40)], mode="upsert")
    assert dataset.latest is not None
    theme = theme_of(dataset, alice, 10)
    index, _ = built(as_alice, version=dataset.latest.pk, theme=theme.pk)
    with tarfile.open(fileobj=io.BytesIO(downloaded(as_alice, index))) as tar:
        tar.extractall(tmp_path / "out", filter="data")
    read = JsonlDataset.create_from_index_on_filesystem(str(tmp_path / "out"))
    assert [read[n]["n"] for n in range(len(read))] == list(range(10))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    for name, known in manifest["files"].items():
        data = (tmp_path / "out" / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (known["num_bytes"], known["sha256"]), name


def test_an_index_of_an_appended_version_takes_over_what_the_one_before_knew(
    as_alice: APIClient, alice: User, ingest: Ingest, dataset: Dataset
) -> None:
    ingest([sample(n) for n in range(20)])
    theme = theme_of(dataset, alice, 12)
    for filtered in (None, theme.pk):
        _, first = built(as_alice, version=dataset.versions.get(number=1).pk, theme=filtered)
        assert first.result["num_reused"] == 0
    ingest([sample(n) for n in (7, 50, 8)])
    latest = dataset.versions.get(number=2).pk
    _, job = built(as_alice, version=latest)
    assert job.result["num_reused"] == 20
    index, job = built(as_alice, version=latest, theme=theme.pk)
    assert (job.result["num_reused"], index["num_samples"]) == (12, 14)
    assert numbers(as_alice, index, ":") == [*range(12), 7, 8]


def test_indexes_over_different_samples_of_the_same_sizes_are_not_taken_for_each_other(
    as_alice: APIClient, ingest: Ingest, dataset: Dataset
) -> None:
    found = []
    for first in (10, 20):
        ingest([sample(first), sample(first + 1)], mode="replace")
        assert dataset.latest is not None
        index, _ = built(as_alice, version=dataset.latest.pk)
        found.append(numbers(as_alice, index, "0,1"))
    assert found == [[10, 11], [20, 21]]
