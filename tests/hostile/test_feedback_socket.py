"""The socket of feedback under attack: foreign pages, floods, nonsense, doubles and tokens that were taken away."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.hostile.test_sockets import bearer, cookies, log_in
from tests.processes import until
from tests.running import Running
from themisdb_datasets import Client


@contextmanager
def telling(
    live: Running, run: str, headers: dict[str, str] | None = None, **query: str
) -> Iterator[ClientConnection]:
    parameters = "&".join(f"{name}={value}" for name, value in {"run": quote(run), **query}.items())
    address = f"{live.url.replace('http', 'ws')}/ws/feedback?{parameters}"
    with connect(address, additional_headers=headers or bearer(live), open_timeout=20) as socket:
        heard(socket)
        yield socket


def heard(socket: ClientConnection) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(socket.recv(timeout=30))
    return answer


def say(socket: ClientConnection, message: Any) -> dict[str, Any]:
    socket.send(message if isinstance(message, str | bytes) else json.dumps(message))
    return heard(socket)


def num_records(live: Running, run: str) -> int:
    with Client(live.url, live.known["token"]) as client:
        found = [each for each in client.pages("feedback/", name=run) if each["name"] == run]
    return sum(each["num_records"] for each in found)


@pytest.fixture(scope="module")
def plan(live: Running) -> str:
    with Client(live.url, live.known["token"]) as client:
        return client.plan({"theme": live.known["themes"][0]}).digest


def test_a_foreign_page_tells_nothing_with_a_users_session(live: Running, plan: str) -> None:
    known = cookies(log_in(live, live.known["username"], live.known["password"]))
    with telling(live, "session", {"Cookie": known, "Origin": live.url}) as socket:
        assert say(socket, {"cursor": f"{plan}.0", "loss": 1})["num"] == 1
    address = f"{live.url.replace('http', 'ws')}/ws/feedback?run=session"
    for origin in ("https://evil.example", "null", "", f"{live.url}.evil.example"):
        with pytest.raises(InvalidStatus) as caught:
            connect(address, additional_headers={"Cookie": known, "Origin": origin}, open_timeout=20)
        assert caught.value.response.status_code == 403, origin
    assert num_records(live, "session") == 1


def test_a_flood_is_acknowledged_in_order_while_others_are_served(live: Running, plan: str) -> None:
    frame = {"plan": plan, "positions": [position % 40 for position in range(2000)], "losses": [1.5] * 2000}
    with telling(live, "flood", sender="one") as socket:
        for seq in range(1, 51):
            socket.send(json.dumps({"seq": seq, **frame}))
        assert requests.get(f"{live.url}/health/ready", timeout=20).status_code == 200
        assert [heard(socket)["ack"] for _ in range(50)] == list(range(1, 51))
    assert num_records(live, "flood") == 100_000


def test_what_is_too_large_is_refused_and_nothing_of_it_kept(live: Running, plan: str) -> None:
    with telling(live, "large", sender="one") as socket:
        many = {"seq": 1, "plan": plan, "positions": [0] * 10_001, "losses": [1] * 10_001}
        assert say(socket, many)["code"] == "frame_too_large"
        assert say(socket, {"seq": 1, "cursor": f"{plan}.0", "loss": 1})["ack"] == 1
    with telling(live, "large", sender="two") as socket, pytest.raises(ConnectionClosed):
        socket.send(b" " * (64 << 20))
        while True:
            heard(socket)
    assert num_records(live, "large") == 1


def test_strange_values_are_named_one_by_one_and_break_nothing(live: Running, plan: str) -> None:
    web = live.children()["web"]
    losses: list[Any] = [None, "1", True, -1, 1e300, [1], {}, 10**400, float("nan"), float("inf")]
    cursors: list[Any] = [None, 7, "", f"{plan}.-1", f"{plan}.1e3", plan]
    strange: list[Any] = [{"cursor": f"{plan}.0", "loss": loss} for loss in losses]
    strange += [{"cursor": cursor, "loss": 1} for cursor in cursors]
    strange += [{"cursor": f"{plan}.{'9' * 18}"}, {"sample_id": "0" * 31, "loss": 1}, None, [], "x", 7]
    with telling(live, "strange values", sender="one") as socket:
        for item in strange:
            answer = say(socket, json.dumps({"items": [item, {"cursor": f"{plan}.1", "loss": 1}]}))
            assert answer.get("num_errors") == 1 or answer["code"] == "bad_frame", item
    with telling(live, "strange values", sender="two") as socket:
        frames: list[Any] = [
            "[" * 100_000,
            b"\x00",
            {"items": {}},
            {"seq": 2**70, "items": []},
            {"seq": 1.5, "items": []},
            {"plan": plan, "positions": [1], "losses": []},
            {"plan": 7, "positions": [], "losses": []},
        ]
        for frame in frames:
            assert say(socket, frame)["code"] == "bad_frame", frame
        assert say(socket, {"seq": 1, "cursor": f"{plan}.1", "loss": 1})["num"] == 1
    assert live.children()["web"] == web
    os.kill(web, 0)


@pytest.mark.parametrize(
    "query",
    [
        {"sender": "a%20b"},
        {"sender": "x" * 65},
        {"run": "%00"},
        {"run": "x" * 201},
        {"dataset": "0"},
        {"dataset": "9" * 5_000},
    ],
    ids=["blank", "long sender", "NUL", "long run", "no dataset", "long number"],
)
def test_strange_names_are_refused(live: Running, query: dict[str, str]) -> None:
    parameters = "&".join(f"{name}={value}" for name, value in query.items())
    address = f"{live.url.replace('http', 'ws')}/ws/feedback?{parameters}"
    with connect(address, additional_headers=bearer(live), open_timeout=20) as socket:
        assert "error" in heard(socket)
        with pytest.raises(ConnectionClosed, match="4400"):
            heard(socket)


def test_two_connections_of_one_sender_count_each_frame_once(live: Running, plan: str) -> None:
    with telling(live, "double", sender="one") as one, telling(live, "double", sender="one") as two:
        for seq in range(1, 31):
            for socket in (one, two):
                socket.send(json.dumps({"seq": seq, "plan": plan, "positions": [seq], "losses": [1]}))
        for socket in (one, two):
            assert [heard(socket)["ack"] for _ in range(30)] == list(range(1, 31))
    assert num_records(live, "double") == 30


def test_a_token_that_is_taken_away_tells_no_more(live: Running, plan: str) -> None:
    made = requests.post(
        f"{live.url}/api/v1/tokens/",
        json={"name": "short", "scopes": ["export"]},
        headers=bearer(live),
        timeout=30,
    ).json()
    with telling(live, "revoked", bearer(live, made["token"])) as socket:
        assert say(socket, {"cursor": f"{plan}.0", "loss": 1})["num"] == 1
        address = f"{live.url}/api/v1/tokens/{made['id']}/"
        assert requests.delete(address, headers=bearer(live), timeout=30).status_code in (200, 204)

        def is_over() -> bool:
            try:
                say(socket, {"items": []})
            except ConnectionClosed as error:
                return error.rcvd is not None and error.rcvd.code == 4401
            return False

        until(is_over, what="the socket is closed")
    assert num_records(live, "revoked") == 1
