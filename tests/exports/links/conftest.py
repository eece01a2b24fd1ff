"""What the tests of links share."""

from typing import Any

import pytest
import requests

from exports.models import FileExport
from tests.exports.conftest import Make, make

__all__ = ["make"]


@pytest.fixture
def export(make: Make) -> FileExport:
    return make(theme="Lärm")


@pytest.fixture
def lines(export: FileExport) -> bytes:
    """What is in the export's file."""
    return bytes(export.refs()[0].artifact.path.read_bytes())


def body(response: Any) -> bytes:
    return b"".join(response) if response.streaming else response.content


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health/live", timeout=2).ok
    except requests.RequestException:
        return False
