"""Kept files: freed when nobody keeps them, and never while somebody does."""

import hashlib
import os
from pathlib import Path

from tests.themis_admin.artifacts.conftest import CONTENT, aged, kept
from tests.themis_admin.datasets.conftest import folders
from themis_admin.accounts.models import User
from themis_admin.artifacts import services as artifacts
from themis_admin.artifacts.models import ArtifactRef
from themis_admin.storage import stores

__all__ = ["folders"]


def test_what_was_just_published_is_left_alone(alice: User, tmp_path: Path) -> None:
    artifact = kept(alice, "exports/1", tmp_path)
    ArtifactRef.objects.all().delete()
    assert artifacts.free_unkept() == (0, 0)
    aged(artifact)
    assert kept(alice, "exports/2", tmp_path) == artifact  # published again, which begins its grace anew
    ArtifactRef.objects.all().delete()
    assert artifacts.free_unkept() == (0, 0)
    assert artifact.path.exists()


def test_a_file_left_by_a_job_that_died_goes(db: None, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    artifacts.publish(file, digest=digest)
    path = stores.store().path(stores.FILES, digest)
    os.utime(path, (1, 1))
    assert artifacts.free_unkept() == (1, len(CONTENT))
    assert not path.exists()
