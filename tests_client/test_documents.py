"""What the documents show runs as it stands there."""

from pathlib import Path

import pytest

from tests_client.conftest import Live
from tests_client.documents import run


@pytest.fixture(autouse=True)
def _reader(live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader has a folder to work in, and has set the two variables."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THEMIS_URL", live.url)
    monkeypatch.setenv("THEMIS_TOKEN", live.token)


def test_the_readme_reads_a_stream() -> None:
    names = run("README.md")
    assert set(names["sample"]) >= {"instruction", "output", "weight", "metadata"}
