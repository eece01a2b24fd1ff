"""Fixtures for tests of datasets: a data folder a test, and corpora that are ingested for real."""

import dataclasses
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from rest_framework.test import APIClient

from themis_admin.accounts.models import User
from themis_admin.datasets import services as datasets
from themis_admin.datasets.ingest import services as ingest_services
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job

SAMPLES = [
    {
        "id": "bimschg/4",
        "law": "BImSchG",
        "section": "§ 4",
        "year": 1974,
        "text": "Die Errichtung und der Betrieb",
    },
    {
        "id": "bimschg/5",
        "law": "BImSchG",
        "section": "§ 5",
        "year": 1974,
        "text": "Genehmigungsbedürftige Anlagen",
    },
    {
        "id": "bdsg/1",
        "law": "BDSG",
        "section": "§ 1",
        "year": 2017,
        "text": "Dieses Gesetz gilt",
        "meta": {"n": 1},
    },
    {
        "id": "tierschg/1",
        "law": "TierSchG",
        "section": "§ 1",
        "year": 1972,
        "text": "Zweck: personenbezogene Daten",
    },
]
Ingest = Callable[..., Job]
URL = "/api/v1/datasets/"


@pytest.fixture(autouse=True)
def folders(request: pytest.FixtureRequest, settings: LazySettings, tmp_path: Path) -> Path:
    """Every test has a data folder of its own, but for those that start processes, which know one folder only."""
    if "start" in request.fixturenames:
        return Path(settings.THEMIS.data_dir)
    data = tmp_path / "data"
    settings.THEMIS = dataclasses.replace(
        settings.THEMIS,
        data_dir=data,
        storage=data / "storage",
        work_dir=data / "work",
        uploads_dir=data / "uploads",
        selections_dir=data / "selections",
        ingest_roots=(tmp_path / "incoming",),
        min_free_bytes=0,
        # Within one transaction a test's jobs are not seen by the thread that renews their lease.
        lease_seconds=600,
    )
    for folder in (data / "storage", data / "work", data / "uploads", tmp_path / "incoming"):
        folder.mkdir(parents=True)
    return data


@pytest.fixture
def dataset(alice: User) -> Dataset:
    return datasets.create_dataset(user=alice, name="Gesetze", key_field="id")


def write(path: Path, samples: Iterable[Any]) -> Path:
    """Samples as a JSONL file; what is bytes already is a line as it stands."""
    lines = (
        each if isinstance(each, bytes) else json.dumps(each, ensure_ascii=False).encode() for each in samples
    )
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


@pytest.fixture
def ingest(dataset: Dataset, alice: User, tmp_path: Path) -> Ingest:
    """Ingest samples into Alice's dataset, with the real runner in this process; the job as it ended."""

    def run(samples: Iterable[Any], *, name: str = "corpus.jsonl", **options: Any) -> Job:
        path = write(tmp_path / name, samples)
        job = ingest_services.start_ingest(dataset, user=alice, sources=[path], **options)
        runner.run(job.pk)
        job.refresh_from_db()
        dataset.refresh_from_db()
        return job

    return run


@pytest.fixture
def version(ingest: Ingest, dataset: Dataset) -> Version:
    job = ingest(SAMPLES)
    assert job.state == "succeeded", job.error
    assert dataset.latest is not None
    return dataset.latest


def lines(version: Version) -> list[Any]:
    opened = version.open()
    return [json.loads(opened.line(position)) for position in range(opened.num_samples)]


@pytest.fixture
def two(version: Version, ingest: Ingest, dataset: Dataset) -> tuple[Version, Version]:
    ingest([{"id": "new"}])
    assert dataset.latest is not None
    return version, dataset.latest


def put(client: APIClient, dataset: Dataset, name: str, version: Any) -> Any:
    return client.put(f"{dataset.url}labels/{name}/", {"version": version}, format="json")
