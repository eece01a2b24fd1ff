"""The private Valkey: a socket that is its user's alone, and nothing on the disk."""

import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.processes import stop, until
from themis_admin.console import valkey


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name, for it holds a socket."""
    with tempfile.TemporaryDirectory(prefix="valkey-", dir="/tmp") as name:
        yield Path(name)


def test_it_answers_on_its_socket_alone_and_keeps_nothing(folder: Path) -> None:
    assert not valkey.answers(folder)
    server = subprocess.Popen(valkey.command(folder), stdout=subprocess.DEVNULL)
    try:
        until(lambda: valkey.answers(folder), what="Valkey answers")
        assert stat.S_IMODE(valkey.socket_path(folder).stat().st_mode) == 0o700
        with redis.Redis.from_url(valkey.url(folder)) as client:
            assert client.config_get("port") == {"port": "0"}
            client.set("hint", "1")
    finally:
        stop(server)
    assert not valkey.answers(folder)
    assert [path.name for path in folder.iterdir() if path != valkey.socket_path(folder)] == []


def test_a_path_that_is_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the path of the socket is too long"):
        valkey.command(tmp_path / ("x" * valkey.MAX_SOCKET_PATH))
