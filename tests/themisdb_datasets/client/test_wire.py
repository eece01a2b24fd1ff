"""Long answers over the standard library: the bytes and the errors of httpx."""

import socket
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.processes import free_port
from tests.running import Running
from themisdb_datasets.client import wire
from themisdb_datasets.client.connection import Server

OK = b"HTTP/1.1 200 OK\r\nX-Themis-Plan: a\r\n"
Serve = Callable[[bytes, bool], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server that answers one request with these bytes, and then closes or stalls; its address."""
    opened = []

    def start(answer: bytes, stalls: bool) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        opened.append(server)

        def once() -> None:
            connection, _ = server.accept()
            opened.append(connection)
            connection.recv(65_536)
            connection.sendall(answer)
            if not stalls:
                connection.shutdown(socket.SHUT_RDWR)

        threading.Thread(target=once, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield start
    for each in opened:
        each.close()


def ask(url: str, *, timeout: float = 10) -> httpx.Response:
    return wire.send(httpx.Client(timeout=timeout).build_request("POST", url, json={"a": 1}))


def test_a_stream_has_the_bytes_and_headers_that_httpx_reads(live: Running) -> None:
    headers = {"Authorization": f"Bearer {live.known['token']}", "Accept-Encoding": "identity"}
    with httpx.Client(base_url=live.url, headers=headers, timeout=60) as client:
        body = {"theme": live.known["themes"][0]}
        request = client.build_request("POST", "/api/export/jsonl_llm/stream", json=body)
        theirs, ours = client.send(request), wire.send(request)
        assert ours.read() == theirs.content
        for name in ("X-Themis-Plan", "X-Themis-Cursor", "X-Themis-Num-Samples", "Content-Type"):
            assert ours.headers[name] == theirs.headers[name]
        ours.close()
        refused = wire.send(client.build_request("POST", "/api/export/jsonl_llm/stream", json={"them": 1}))
        assert refused.status_code == 400
        assert refused.read() and refused.json()["code"] == "unknown_parameter"


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        (b"", None),
        (b"HTTP/1.1 200", None),
        (OK, None),
        (OK + b"Transfer-Encoding: chu", None),
        (b"nonsense\r\n\r\n", None),
        (OK + b"Content-Length: 10\r\n\r\nabc", b"abc"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc", b"abc"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"abc"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n", b"abc"),
    ],
)
def test_an_answer_that_breaks_off_never_ends_well(serve: Serve, answer: bytes, read: bytes | None) -> None:
    url = serve(answer, False)
    got = b""
    with pytest.raises(httpx.TransportError):
        for data in ask(url).iter_bytes():
            got += data
    assert got == (read or b"")


@pytest.mark.parametrize("answer", [b"", OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"])
def test_a_server_that_says_nothing_is_not_waited_for_for_ever(serve: Serve, answer: bytes) -> None:
    url = serve(answer, True)
    with pytest.raises(httpx.ReadTimeout):
        ask(url, timeout=0.2).read()


def test_nobody_there_is_no_connection() -> None:
    with pytest.raises(httpx.ConnectError):
        ask(f"http://127.0.0.1:{free_port()}")


def test_proxies_are_left_to_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    url = httpx.URL("https://themis.example.org/")
    assert not wire.wants_proxy(url)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert wire.wants_proxy(url)
    assert not wire.wants_proxy(httpx.URL("http://themis.example.org/"))
    monkeypatch.setenv("NO_PROXY", "example.org")
    assert not wire.wants_proxy(url)


def test_certificates_are_read_once_and_only_where_they_are_asked_for() -> None:
    first, second = (Server(url, "thm_x").trust for url in ("https://a.example.org", "https://b.example.org"))
    assert first is second
    assert first.cert_store_stats()["x509_ca"] > 0
    plain = Server("http://a.example.org", "thm_x").trust
    assert (plain.check_hostname, plain.cert_store_stats()["x509_ca"]) == (True, 0)
