"""A client that costs as little as it can: raw sockets, read into one buffer."""

import http.client
import json
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

HOST = "127.0.0.1"
BUFFER = bytearray(1 << 20)
HEAD_END = b"\r\n\r\n"


class Received(NamedTuple):
    """What came: bytes of the body with its framing, and seconds until its first byte."""

    num_bytes: int
    first_byte: float


def post(path: str, body: dict[str, Any], token: str) -> bytes:
    """A request as it goes over the wire; the connection closes after it."""
    content = json.dumps(body).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {HOST}",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        "Connection: close",
    ]
    return "\r\n".join(lines).encode() + HEAD_END + content


def get(path: str) -> bytes:
    """A request for a page."""
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()


def receive(port: int, request: bytes) -> Received:
    """Send an HTTP request and read the answer to its end, which must be that of a whole stream."""
    with socket.create_connection((HOST, port)) as connection:
        begin = time.perf_counter()
        connection.sendall(request)
        head = b""
        while HEAD_END not in head or head.endswith(HEAD_END):
            if not (more := connection.recv(65_536)):
                break
            head += more
        first_byte = time.perf_counter() - begin
        if not head.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"The server answered {head.decode(errors='replace')[:2000]}")
        total, tail = len(head) - head.index(HEAD_END) - len(HEAD_END), head[-8:]
        while count := connection.recv_into(BUFFER):
            total += count
            tail = (tail + BUFFER[max(count - 8, 0) : count])[-8:]
    if not tail.endswith(b"\r\n0\r\n\r\n"):
        raise SystemExit("The stream broke off.")
    return Received(total, first_byte)


def together(port: int, request: bytes, *, clients: int) -> int:
    """So many clients that each read a whole stream, all at once; the bytes of all of them."""
    with selectors.DefaultSelector() as selector:
        for _ in range(clients):
            connection = socket.create_connection((HOST, port))
            connection.sendall(request)
            selector.register(connection, selectors.EVENT_READ, bytearray())
        total = 0
        while selector.get_map():
            for key, _ in selector.select():
                connection, tail = cast(socket.socket, key.fileobj), key.data
                if count := connection.recv_into(BUFFER):
                    total += count
                    tail[:] = (tail + BUFFER[max(count - 8, 0) : count])[-8:]
                    continue
                if not tail.endswith(b"\r\n0\r\n\r\n"):
                    raise SystemExit("A stream broke off.")
                selector.unregister(connection)
                connection.close()
    return total


def receive_raw(port: int, num_bytes: int) -> int:
    """Have the bare server send so many bytes, and read them."""
    with socket.create_connection((HOST, port)) as connection:
        connection.sendall(num_bytes.to_bytes(8, "little"))
        total = 0
        while count := connection.recv_into(BUFFER):
            total += count
    return total


@contextmanager
def stalled(port: int, request: bytes, *, clients: int) -> Iterator[None]:
    """So many clients that begin to read and then stop, while the block runs."""
    connections = [socket.create_connection((HOST, port)) for _ in range(clients)]
    try:
        for connection in connections:
            connection.sendall(request)
        for connection in connections:
            connection.recv(65_536)
        yield
    finally:
        for connection in connections:
            connection.close()


def lines(port: int, method: str, path: str, body: dict[str, Any], token: str) -> Iterator[bytes]:
    """The lines of an answer, read as any client would."""
    connection = http.client.HTTPConnection(HOST, port)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body), headers)
    yield from connection.getresponse()
    connection.close()
