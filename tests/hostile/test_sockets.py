"""The socket of events on a real server: who may listen, that nothing is missed, and that a lost broker only delays."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.processes import until
from tests.running import Running

# The sockets look by themselves every 5 s; the rest is for a busy machine.
AT_LAST = 60.0
PROMPT = 3.0
_names = count()


def bearer(live: Running, token: str = "") -> dict[str, str]:
    return {"Authorization": f"Bearer {token or live.known['token']}"}


@contextmanager
def listening(
    live: Running, headers: dict[str, str], *, since: int | None = None
) -> Iterator[ClientConnection]:
    query = "" if since is None else f"?since={since}"
    address = f"{live.url.replace('http', 'ws')}/ws/events{query}"
    with connect(address, additional_headers=headers, open_timeout=20) as socket:
        yield socket


def refusal(live: Running, headers: dict[str, str], *, query: str = "") -> int:
    """The HTTP status with which a socket is refused."""
    with pytest.raises(InvalidStatus) as caught:
        connect(
            f"{live.url.replace('http', 'ws')}/ws/events{query}", additional_headers=headers, open_timeout=20
        )
    return caught.value.response.status_code


def hear(socket: ClientConnection, kind: str, *, seconds: float = AT_LAST) -> dict[str, Any]:
    """The next event of a kind."""
    deadline = time.monotonic() + seconds
    while True:
        event: dict[str, Any] = json.loads(socket.recv(timeout=max(deadline - time.monotonic(), 0.01)))
        if event["kind"] == kind:
            return event


def told_at_once(live: Running, socket: ClientConnection) -> dict[str, Any] | None:
    """What the socket tells of a new dataset; None where it may have looked by itself.

    It has just told something, so it looks in 5 s; only a busy machine makes a nudge take as long.
    """
    began = time.monotonic()
    made = make_dataset(live, f"Heard {next(_names)}")
    event = hear(socket, "dataset.created")
    assert event["data"] == {"dataset": made["id"], "name": made["name"]}
    return event if time.monotonic() - began < PROMPT else None


def make_dataset(live: Running, name: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    answer = requests.post(
        f"{live.url}/api/v1/datasets/", json={"name": name}, headers=headers or bearer(live), timeout=30
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def log_in(live: Running, username: str, password: str) -> requests.Session:
    session = requests.Session()
    page = session.get(f"{live.url}/login/", timeout=30)
    answer = session.post(
        f"{live.url}/login/",
        data={"username": username, "password": password, "csrfmiddlewaretoken": secret(page)},
        timeout=30,
    )
    assert answer.url == f"{live.url}/", answer.text[:2000]
    return session


def secret(page: requests.Response) -> str:
    found = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert found, page.text[:2000]
    return found[1]


def cookies(session: requests.Session) -> str:
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)


@pytest.fixture(scope="module")
def admin(live: Running) -> requests.Session:
    return log_in(live, live.known["username"], live.known["password"])


def test_a_token_hears_what_it_missed_and_then_what_happens(live: Running) -> None:
    polled = requests.get(f"{live.url}/api/v1/events/?limit=1000", headers=bearer(live), timeout=30).json()
    with listening(live, bearer(live), since=0) as socket:
        replayed = [json.loads(socket.recv(timeout=AT_LAST)) for _ in polled["results"]]
        assert replayed == polled["results"]
        event = until(lambda: told_at_once(live, socket), what="it does not wait for the next look")
        assert event is not None
        assert event["id"] > polled["last"]
    with listening(live, bearer(live)) as socket:
        make_dataset(live, "Heard too")
        assert json.loads(socket.recv(timeout=AT_LAST))["id"] > event["id"], "nothing of before is told again"


def test_a_session_is_heard_from_pages_of_this_origin_only(live: Running, admin: requests.Session) -> None:
    known = cookies(admin)
    with listening(live, {"Cookie": known, "Origin": live.url}) as socket:
        make_dataset(live, "By session")
        hear(socket, "dataset.created")
    other_port = live.url.rsplit(":", 1)[0] + ":1"
    for origin in ("https://evil.example", other_port, "null", "", f"{live.url}.evil.example"):
        assert refusal(live, {"Cookie": known, "Origin": origin}) == 403, origin
    assert refusal(live, {"Cookie": known}) == 403, "no browser leaves the origin out"


def test_nobody_and_nonsense_are_refused(live: Running) -> None:
    assert refusal(live, {"Origin": live.url}) == 403
    assert refusal(live, {"Origin": live.url, "Cookie": "sessionid=forged"}) == 403
    for token in ("", "x", "thm_0000_" + "x" * 43, "x" * 5000):
        assert refusal(live, {"Authorization": f"Bearer {token}"}) == 403
    for query in ("?since=-1", "?since=x", "?since=" + "9" * 30, "?since=%00"):
        assert refusal(live, bearer(live), query=query) == 403, query
    with listening(live, bearer(live), since=10**17) as socket:
        socket.ping().wait(5)
    assert requests.get(f"{live.url}/ws/events", timeout=30).status_code == 404


def test_a_client_that_talks_is_not_listened_to(live: Running) -> None:
    with listening(live, bearer(live)) as socket:
        for message in ("x" * 10_000, b"\xff" * 100, "{}"):
            socket.send(message)
        make_dataset(live, "Through the noise")
        hear(socket, "dataset.created")


def test_people_hear_their_own_events_only(live: Running, admin: requests.Session) -> None:
    page = admin.get(f"{live.url}/users/", timeout=30)
    fields = {"username": "bob", "email": "", "csrfmiddlewaretoken": secret(page)}
    page = admin.post(f"{live.url}/users/", data=fields, headers={"Referer": live.url}, timeout=30)
    link = re.search(r"http://[^\s<\"]+/password/reset/[^\s<\"]+", page.text)
    assert link, page.text[:3000]
    session = requests.Session()
    form = session.get(link[0], timeout=30)
    words = "correct horse battery staple"
    fields = {"new_password1": words, "new_password2": words, "csrfmiddlewaretoken": secret(form)}
    session.post(form.url, data=fields, timeout=30)
    again = requests.get(link[0], timeout=30)
    assert "new_password1" not in again.text, "the link works once"
    bob = log_in(live, "bob", words)
    with listening(live, {"Cookie": cookies(bob), "Origin": live.url}, since=0) as socket:
        make_dataset(live, "Not for Bob")
        with pytest.raises(TimeoutError):
            socket.recv(timeout=1.0)
        token = {"X-CSRFToken": str(bob.cookies["csrftoken"]), "Cookie": cookies(bob)}
        make_dataset(live, "For Bob", token)
        assert json.loads(socket.recv(timeout=AT_LAST))["data"]["name"] == "For Bob"


def ends(socket: ClientConnection) -> int:
    """The code with which the server closes the socket."""
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            socket.recv(timeout=AT_LAST)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code


def test_who_logs_out_or_whose_token_is_revoked_hears_no_more(live: Running) -> None:
    session = log_in(live, live.known["username"], live.known["password"])
    answer = requests.post(
        f"{live.url}/api/v1/tokens/",
        json={"name": "short", "scopes": ["read"]},
        headers=bearer(live),
        timeout=30,
    )
    made = answer.json()
    with (
        listening(live, {"Cookie": cookies(session), "Origin": live.url}) as by_session,
        listening(live, bearer(live, made["token"])) as by_token,
    ):
        page = session.get(f"{live.url}/", timeout=30)
        session.post(f"{live.url}/logout/", data={"csrfmiddlewaretoken": secret(page)}, timeout=30)
        requests.delete(f"{live.url}{made['url']}", headers=bearer(live), timeout=30)
        assert (ends(by_session), ends(by_token)) == (4401, 4401)
    assert refusal(live, bearer(live, made["token"])) == 403


@contextmanager
def frozen(live: Running) -> Iterator[None]:
    """Valkey holds its connections open and answers nobody."""
    pid = live.children()["valkey"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def kill(live: Running, name: str) -> None:
    """Kill one of the processes, and wait for the one that takes its place."""
    old = live.children()[name]
    os.kill(old, signal.SIGKILL)
    until(lambda: live.children().get(name, old) != old, what=f"a new {name}")


def test_with_a_frozen_broker_events_and_jobs_come_late_and_requests_do_not_hang(live: Running) -> None:
    made = make_dataset(live, "Frozen")
    with listening(live, bearer(live)) as socket:
        with frozen(live):
            answer = upload(live, made)
            assert answer.status_code == 202, answer.text
            hear(socket, "job.queued")
        hear(socket, "job.succeeded")


def test_after_the_broker_died_events_and_jobs_go_on(live: Running) -> None:
    made = make_dataset(live, "Died")
    with listening(live, bearer(live)) as socket:
        kill(live, "valkey")
        assert upload(live, made).status_code == 202
        hear(socket, "job.succeeded")
        until(lambda: told_at_once(live, socket), what="the subscription is there again")


def test_after_the_web_process_died_nothing_is_missed(live: Running) -> None:
    with listening(live, bearer(live)) as socket:
        make_dataset(live, "Before")
        last = hear(socket, "dataset.created")["id"]
        kill(live, "web")
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=AT_LAST)
    until(live.answers, what="the web server is back")
    make_dataset(live, "Meanwhile")
    with listening(live, bearer(live), since=last) as socket:
        assert hear(socket, "dataset.created")["data"]["name"] == "Meanwhile"


def upload(live: Running, made: dict[str, Any]) -> requests.Response:
    return requests.post(
        f"{live.url}/api/v1/datasets/{made['id']}/versions/",
        files={"file": ("a.jsonl", b'{"n": 1}\n')},
        headers=bearer(live),
        timeout=60,
    )
