"""Addresses on the command line: names, numbers, and URLs of this server only."""

from typing import Any

import pytest

from tests.running import Running
from tests.themisdb_datasets.conftest import Themis

pytestmark = pytest.mark.usefixtures("home")


def test_an_address_of_another_server_is_not_taken_for_one_of_this(
    live: Running, themis: Themis, made: dict[str, dict[str, Any]]
) -> None:
    url = made["snapshot"]["url"]
    assert "not beneath" in themis("pull", f"https://themis.example.org{url}", code=1).stderr
    assert "not beneath" in themis("verify", ".", f"https://themis.example.org{url}", code=1).stderr
    themis("pull", f"{live.url}{url}", "-o", "mine")
    themis("verify", "mine", live.url + url.removeprefix("/api/v1"))
