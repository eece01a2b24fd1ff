"""A connection: what it cannot be made with, what it waits for, and to whom the token goes."""

import time
from typing import Any

import pytest

from tests.running import Running
from tests.themisdb_datasets.client.conftest import read
from tests.themisdb_datasets.conftest import quick_client
from tests.themisdb_datasets.proxy import before, cut, refused
from themisdb_datasets import Client
from themisdb_datasets.errors import (
    AuthError,
    LimitError,
    MalformedError,
    ServerError,
)


def test_it_waits_as_long_as_it_is_told_to(live: Running, query: dict[str, Any]) -> None:
    with (
        before(live.port, cut(2000), refused(503, headers={"Retry-After": "1"})) as proxy,
        quick_client(proxy, live) as client,
    ):
        began = time.monotonic()
        assert read(client, query, limit=20).count(b"\n") == 20
        assert time.monotonic() - began >= 1


def test_what_does_not_pass_is_an_error_at_once(live: Running, query: dict[str, Any]) -> None:
    revoked = (
        b'{"status": "error", "error": "The token was revoked.", "code": "not_authenticated", "fields": {}}'
    )
    with before(live.port, cut(9000), refused(401, revoked)) as proxy, quick_client(proxy, live) as client:
        with pytest.raises(AuthError, match="revoked"):
            read(client, query)
        assert len(proxy.requests) == 2
    with (
        before(live.port, cut(9000), refused(500, b"oops")) as proxy,
        quick_client(proxy, live) as client,
        pytest.raises(ServerError, match="500: oops"),
    ):
        read(client, query)
    limited = refused(429, b'{"error": "These were 100 new plans."}', headers={"Retry-After": "3000"})
    with before(live.port, limited) as proxy, quick_client(proxy, live) as client:
        with pytest.raises(LimitError) as caught:
            read(client, query)
        assert caught.value.retry_after == 3000, "nobody waits for an hour in silence"


def test_what_is_no_themis_says_so(live: Running, query: dict[str, Any]) -> None:
    page = b"<html><title>Hotel Wi-Fi: please log in</title></html>"
    with (
        before(
            live.port,
            refused(200, page),
            refused(200, page),
            refused(302, headers={"Location": "https://x.org/"}),
        ) as proxy,
        quick_client(proxy, live) as client,
    ):
        with pytest.raises(MalformedError, match="no Themis"):
            read(client, query)
        with pytest.raises(MalformedError, match="Hotel"):
            client.get("datasets/")
        with pytest.raises(ServerError, match=r"moved to https://x\.org/"):
            client.get("datasets/")


def test_the_token_goes_to_no_other_server(live: Running) -> None:
    with before(live.port) as elsewhere, Client(live.url, live.known["token"]) as client:
        for address in (f"{elsewhere.url}/api/v1/datasets/", f"{live.url}.example.org/api/v1/datasets/"):
            with pytest.raises(MalformedError):
                client.get(address)
        assert client.get(f"{live.url}/api/v1/datasets/")["results"]
        assert elsewhere.requests == []


@pytest.mark.parametrize("token", ["thm_ä", "thm_a b", "thm_a\r\nX-Evil: 1", " "])
def test_what_cannot_be_a_token_is_said_to_be_none(token: str) -> None:
    with pytest.raises(AuthError, match="no token"):
        Client("http://127.0.0.1:1", token)


@pytest.mark.parametrize(
    "url", ["themis", "ftp://themis", "http://", "http://a:99999", "http://[::1", "http://a?b", "http://a b"]
)
def test_what_cannot_be_an_address_is_said_to_be_none(url: str) -> None:
    with pytest.raises(MalformedError, match="no address"):
        Client(url, "thm_x")
