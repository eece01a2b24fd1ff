"""The socket of feedback on a real server: frames are acknowledged in order, once each, also after a kill."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.processes import until
from tests.running import Running
from themisdb_datasets import Client


@contextmanager
def telling(live: Running, **query: str) -> Iterator[ClientConnection]:
    parameters = "&".join(f"{name}={value}" for name, value in query.items())
    headers = {"Authorization": f"Bearer {live.known['token']}"}
    address = f"{live.url.replace('http', 'ws')}/ws/feedback?{parameters}"
    with connect(address, additional_headers=headers, open_timeout=20) as socket:
        yield socket


def say(socket: ClientConnection, message: Any) -> dict[str, Any]:
    socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
    return heard(socket)


def heard(socket: ClientConnection) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(socket.recv(timeout=20))
    return answer


@pytest.fixture
def plan(live: Running) -> str:
    with Client(live.url, live.known["token"]) as client:
        return client.plan({"theme": live.known["themes"][0]}).digest


def test_frames_are_acknowledged_in_order_and_counted_once(live: Running, plan: str) -> None:
    frame = {"plan": plan, "positions": [0, 1, 2], "losses": [0.5, 1, 2]}
    with telling(live, run="socket", sender="one") as socket:
        assert heard(socket) == {"run": "socket", "url": None, "ack": 0}
        for seq in (1, 2, 3):
            socket.send(json.dumps({"seq": seq, **frame}))
        assert [heard(socket)["ack"] for _ in range(3)] == [1, 2, 3]
        assert say(socket, {"cursor": f"{plan}.4", "loss": 1})["ack"] == 4
    with telling(live, run="socket", sender="one") as socket:
        greeting = heard(socket)
        assert greeting["ack"] == 4
        assert say(socket, {"seq": 3, **frame}) == {"ack": 3, "num": 0, "errors": [], "num_errors": 0}
        assert say(socket, {"seq": 5, **frame})["num"] == 3
    with Client(live.url, live.known["token"]) as client:
        assert client.get(greeting["url"])["num_records"] == 13


def test_what_was_acknowledged_survives_a_killed_server(live: Running, plan: str) -> None:
    with telling(live, run="killed", sender="one") as socket:
        heard(socket)
        assert say(socket, {"seq": 1, "plan": plan, "positions": [0], "losses": [1]})["ack"] == 1
        os.kill(live.children()["web"], signal.SIGKILL)
    until(live.answers, what="the web server is back")
    with telling(live, run="killed", sender="one") as socket:
        assert heard(socket)["ack"] == 1


def test_nonsense_is_answered_and_ends_a_socket_at_last(live: Running, plan: str) -> None:
    with telling(live, run="nonsense", sender="one") as socket:
        heard(socket)
        for message in ("{", "[]", b"\xff", '{"seq": -1, "items": []}', "7"):
            assert say(socket, message)["code"] == "bad_frame"
        assert say(socket, {"cursor": f"{plan}.0", "loss": 1})["ack"] == 1
        for _ in range(15):
            say(socket, "{")
        with pytest.raises(ConnectionClosed, match="4400"):
            socket.recv(timeout=20)


def test_only_who_may_export_may_tell(live: Running) -> None:
    body = {"name": "reader", "scopes": ["read"]}
    headers = {"Authorization": f"Bearer {live.known['token']}"}
    reader = requests.post(f"{live.url}/api/v1/tokens/", json=body, headers=headers, timeout=30).json()[
        "token"
    ]
    address = f"{live.url.replace('http', 'ws')}/ws/feedback"
    for wrong in ({}, {"Authorization": f"Bearer {reader}"}, {"Origin": "https://evil.example"}):
        with pytest.raises(InvalidStatus) as caught:
            connect(address, additional_headers=wrong, open_timeout=20)
        assert caught.value.response.status_code == 403
    with telling(live, dataset="no-such") as socket:
        assert heard(socket)["code"] == "unknown_dataset"
    with telling(live, rum="x") as socket:
        assert "rum" in heard(socket)["error"]
