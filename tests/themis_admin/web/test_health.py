"""Ready is said by who is."""

import dataclasses
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client


@pytest.mark.django_db
def test_ready_says_what_is_not(client: Client, settings: LazySettings, tmp_path: Path) -> None:
    assert client.get("/health/live").json() == {"status": "ok"}
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    (tmp_path / "file").touch()
    settings.THEMIS = dataclasses.replace(
        settings.THEMIS, redis_url=f"unix://{tmp_path}/none.sock", storage=tmp_path / "file"
    )
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "error",
        "database": "ok",
        "redis": "does not answer",
        "storage": "is no folder",
    }
