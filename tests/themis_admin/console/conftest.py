"""Fixtures for the console's pages: Alice's dataset with a version, of whose lines two were rejected, and a theme."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import PATIENCE, ROOT
from tests.running import Running, user_environment
from tests.themis_admin.datasets.conftest import SAMPLES, Ingest, dataset, folders, ingest
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Theme, Version
from themis_admin.datasets.themes import services

__all__ = ["dataset", "folders", "ingest"]

BROKEN = [b'{"id": broken', b"[1, 2]"]


@pytest.fixture
def version(dataset: Dataset, ingest: Ingest) -> Version:
    """Version 1 of Alice's dataset: four samples, and two lines that were rejected."""
    job = ingest([*SAMPLES, *BROKEN])
    assert job.state == "succeeded", job.error
    assert dataset.latest is not None
    return dataset.latest


@pytest.fixture
def theme(version: Version, alice: User) -> Theme:
    where = {"field": "law", "op": "contains", "value": "BImSch"}
    return services.create_theme(version.dataset, user=alice, name="Immissionsschutz", where=where)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A new installation after its first run."""
    themis = Running(tmp_path_factory.mktemp("up") / "data").start()
    try:
        themis.ready()
        yield themis
    finally:
        print(themis.said())
        if themis.process is not None and themis.process.poll() is None:
            themis.stop()


def refused(data: Path, port: int) -> str:
    """What `up` says when it does not start."""
    ran = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env=user_environment(DATA=str(data), PORT=str(port)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stderr
