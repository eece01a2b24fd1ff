"""Artifacts as rows: one content, however many keep it."""

from pathlib import Path

import pytest
from django.db import transaction

from tests.themis_admin.artifacts.conftest import CONTENT, aged, kept
from tests.themis_admin.datasets.conftest import folders
from themis_admin.accounts.models import User
from themis_admin.artifacts import services as artifacts
from themis_admin.artifacts.models import Artifact
from themisdb_datasets.errors import GoneError

__all__ = ["folders"]


def test_equal_content_is_one_file_with_two_keepers(alice: User, bob: User, tmp_path: Path) -> None:
    first, second = kept(alice, "exports/1", tmp_path), kept(bob, "exports/2", tmp_path)
    assert first == second
    assert first.path.read_bytes() == CONTENT
    assert list(Artifact.objects.visible_to(bob)) == [first]
    with transaction.atomic():
        assert artifacts.release("exports/1") == 0  # Bob keeps it
    assert not Artifact.objects.visible_to(alice).exists()
    aged(first)
    assert artifacts.free_unkept() == (0, 0)
    with transaction.atomic():
        assert artifacts.release("exports/2") == len(CONTENT)
    assert artifacts.free_unkept() == (1, len(CONTENT))
    assert not first.path.exists()
    assert not Artifact.objects.exists()


def test_a_file_that_was_freed_meanwhile_cannot_be_kept(alice: User, tmp_path: Path) -> None:
    artifact = kept(alice, "exports/1", tmp_path)
    artifact.path.unlink()
    with pytest.raises(GoneError), transaction.atomic():
        artifacts.keep(
            digest=artifact.digest,
            num_bytes=1,
            content_type="text/plain",
            name="again",
            keeper="exports/2",
            owner=alice,
        )
