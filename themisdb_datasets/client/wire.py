"""Long answers at little cost: httpx requests sent by the standard library, which reads a body in large pieces.

httpx takes its bodies apart in Python, 64 KiB at a time, which costs a trainer as much as parsing the samples.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from io import BufferedReader
from socket import socket
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpx

from themisdb_datasets.client.connection import trusted

READ_BYTES = 256 << 10


def send(request: httpx.Request) -> httpx.Response:
    """The answer to a request over a connection of its own, its body unread; httpx.TransportError where there is none."""
    timeouts = request.extensions["timeout"]
    connection = _connection(request.url, timeouts["connect"])
    headers = {**request.headers, "connection": "close"}
    with _as_httpx(request, httpx.ConnectError, httpx.ConnectTimeout):
        connection.connect()
    connection.sock.settimeout(timeouts["read"])
    try:
        with _as_httpx(request, httpx.ReadError, httpx.ReadTimeout):
            connection.request(request.method, request.url.raw_path.decode("ascii"), request.read(), headers)
            answer = connection.getresponse()
    except httpx.TransportError:
        connection.close()
        raise
    body = _Body(request, connection, answer)
    return httpx.Response(answer.status, headers=answer.getheaders(), stream=body, request=request)


def wants_proxy(url: httpx.URL) -> bool:
    """Whether the environment names a proxy for this address, which is httpx's to speak with."""
    proxies = getproxies()
    return bool(proxies.get(url.scheme) or proxies.get("all")) and not proxy_bypass(url.host)


class _Body(httpx.SyncByteStream):
    """The body as it comes."""

    def __init__(self, request: httpx.Request, connection: HTTPConnection, answer: HTTPResponse) -> None:
        self._request, self._connection, self._answer = request, connection, answer

    def __iter__(self) -> Iterator[bytes]:
        answer = self._answer
        while True:
            with _as_httpx(self._request, httpx.ReadError, httpx.ReadTimeout):
                data = answer.read1(READ_BYTES)
            if not data:
                break
            yield data
        if answer.length:  # bytes that were promised
            raise httpx.RemoteProtocolError("The body ended too early.", request=self._request)

    def close(self) -> None:
        """Let the connection go."""
        self._answer.close()
        self._connection.close()


class _Received(BufferedReader):
    """What comes, in which no line ends without its LF."""

    def readline(self, size: int | None = -1, /) -> bytes:
        """A line of the head, or that of a chunk."""
        line = super().readline(size)
        if not line.endswith(b"\n"):
            raise IncompleteRead(line)
        return line


class _CheckedResponse(HTTPResponse):
    """An answer whose head is whole; the standard library takes one that breaks off for one that ends there."""

    def __init__(self, connection: socket, *arguments: Any, **options: Any) -> None:
        super().__init__(connection, *arguments, **options)
        self.fp: BufferedReader = _Received(self.fp.detach())


def _connection(url: httpx.URL, timeout: float | None) -> HTTPConnection:
    if url.scheme == "https":
        trust = trusted(url.scheme)
        connection: HTTPConnection = HTTPSConnection(url.host, url.port, timeout=timeout, context=trust)
    else:
        connection = HTTPConnection(url.host, url.port, timeout=timeout)
    connection.response_class = _CheckedResponse
    return connection


@contextmanager
def _as_httpx(
    request: httpx.Request, broken: type[httpx.TransportError], late: type[httpx.TransportError]
) -> Iterator[None]:
    """The standard library's errors as those of httpx."""
    try:
        yield
    except TimeoutError as error:
        raise late(str(error), request=request) from error
    except HTTPException as error:
        raise httpx.RemoteProtocolError(f"{type(error).__name__}: {error}", request=request) from error
    except (OSError, ValueError) as error:  # a closed connection is a ValueError to its file
        raise broken(str(error), request=request) from error
