"""Programs that are not Python packages: where they are, and what happens where they are not."""

import os
import shutil
from pathlib import Path

import pytest

NO_CORPUS = "the real corpus is not there"  # this is no program, and may be skipped in CI too
IN_CI = os.environ.get("CI") == "true"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> Path:
    """The browser; without one the test is skipped, and in CI fails."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return Path(found)
    return _missing("a browser (chromium)")


def postgresql() -> Path:
    """The folder of PostgreSQL's programs; without them the test is skipped, and in CI fails."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    for initdb in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True):
        return initdb.parent
    return _missing("PostgreSQL (initdb)")


def shell(name: str) -> Path:
    """bash, zsh or fish; without it the test is skipped, and in CI fails."""
    found = shutil.which(name)
    return Path(found) if found else _missing(f"the shell {name}")


def _missing(what: str) -> Path:
    if IN_CI:
        pytest.fail(f"{what} is not installed, and in CI nothing is skipped")
    pytest.skip(f"{what} is not installed")
