"""What the tests of client share."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from themisdb_datasets import Client
from themisdb_datasets.client import download, upload

SMALL = 1 << 20


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 1 MB, so that there are several."""
    monkeypatch.setattr(download, "PART_BYTES", SMALL)
    monkeypatch.setattr(upload, "PART_BYTES", SMALL)


def read(client: Client, query: dict[str, Any], **more: Any) -> bytes:
    return b"".join(block.data for block in client.stream(query, **more))


def answer(*, plan: str, position: int, count: int | None) -> httpx.Headers:
    headers = {"X-Themis-Plan": plan, "X-Themis-Version": "v", "X-Themis-Cursor": f"{plan}.{position}"}
    return httpx.Headers(headers if count is None else {**headers, "X-Themis-Num-Samples": str(count)})
