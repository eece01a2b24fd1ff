"""What the tests of streams share."""

import json
import os
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from tests.exports.large import headers
from tests.running import Running
from themisdb_datasets.engine.plans.delivery import Chunk

STREAM = "/api/export/jsonl_llm/stream"
LINES = [bytes(random.Random(n).choices(b"abcdefgh", k=n * 37 % 9000)) + b"\n" for n in range(400)]
WHOLE = b"".join(LINES)


def stream(live: Running, **body: Any) -> requests.Response:
    response = requests.post(
        f"{live.url}/api/export/jsonl_llm/stream", json=body, headers=headers(live), stream=True, timeout=60
    )
    assert response.status_code == 200, response.text
    return response


def anonymous_memory(pid: int) -> int:
    """RssAnon of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon"))


def seconds_worked(pid: int) -> float:
    """The processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rests(pid: int) -> bool:
    """Whether a process has next to nothing to do, looked at for a second."""
    worked = seconds_worked(pid)
    time.sleep(1)
    return seconds_worked(pid) - worked < 0.3


def post(live: Running, token: str, body: dict[str, Any], **more: str) -> socket.socket:
    """Ask for a stream, over a socket whose bytes one takes oneself."""
    content = json.dumps(body).encode()
    fields = {
        "Host": f"127.0.0.1:{live.port}",
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        **more,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    connection = socket.create_connection(("127.0.0.1", live.port), timeout=60)
    connection.sendall(f"POST {STREAM} HTTP/1.1\r\n{head}\r\n".encode() + content)
    return connection


def begun(connection: socket.socket) -> str:
    """The head of the answer, and perhaps the first of its body."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = connection.recv(4096)
        assert more, got
        got += more
    return got.decode(errors="replace")


def export_of(head: str) -> str:
    return next(line.split()[1] for line in head.split("\r\n") if line.lower().startswith("x-themis-export:"))


def status(live: Running, export: str, token: str | None = None) -> dict[str, Any]:
    answer = requests.get(
        f"{live.url}/api/export/status/{export}",
        headers={"Authorization": f"Bearer {token or live.known['token']}"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def lines(made: list[int], done: int) -> Iterator[Chunk]:
    """All lines after so many, in chunks of any size, other ones each time."""
    made.append(done)
    sizes = random.Random(len(made))
    while done < len(LINES):
        part = LINES[done : done + sizes.randint(1, 120)]
        yield Chunk(memoryview(b"".join(part)), len(part))
        done += len(part)
