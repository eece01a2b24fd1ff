"""A proxy between client and server whose answers fail as a test says, one request after the other."""

import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

PIECE = 64 << 10
ENOUGH = 1 << 62


@dataclass
class Exchange:
    """One request of a client; the connection is closed after its answer."""

    client: socket.socket
    port: int
    request: bytes

    def answer(self) -> Iterator[bytes]:
        """The server's answer in pieces, its head the first of them."""
        with closing(socket.create_connection(("127.0.0.1", self.port), timeout=60)) as server:
            server.sendall(self.request)
            head = b""
            while b"\r\n\r\n" not in head:
                if not (piece := server.recv(PIECE)):
                    break
                head += piece
            before, end, rest = head.partition(b"\r\n\r\n")
            yield before + end
            if rest:
                yield rest
            while piece := server.recv(PIECE):
                yield piece

    def relay(self, num_bytes: int = ENOUGH, *, size: int = PIECE) -> None:
        """Pass so many bytes of the answer on, in pieces of at most `size`."""
        for piece in self.answer():
            for first in range(0, min(len(piece), num_bytes), size):
                self.client.sendall(piece[first : min(first + size, num_bytes)])
            num_bytes -= len(piece)
            if num_bytes <= 0:
                return

    def reset(self) -> None:
        """Break the connection off, so that the client sees an error and not an end."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Fault = Callable[[Exchange], None]


def passed(exchange: Exchange) -> None:
    """No fault."""
    exchange.relay()


def cut(num_bytes: int) -> Fault:
    """The connection breaks off after so many bytes of the answer, its head counted."""

    def fault(exchange: Exchange) -> None:
        if num_bytes:
            exchange.relay(num_bytes)
        exchange.reset()

    return fault


def ended(num_bytes: int) -> Fault:
    """The connection ends after so many bytes, politely but too early."""
    return lambda exchange: exchange.relay(num_bytes)


def stalled(num_bytes: int) -> Fault:
    """Nothing comes after so many bytes, and the connection stays open until the client has enough."""

    def fault(exchange: Exchange) -> None:
        exchange.relay(num_bytes)
        while exchange.client.recv(PIECE):
            pass

    return fault


def dribbled(size: int) -> Fault:
    """The answer comes in the smallest of pieces."""
    return lambda exchange: exchange.relay(size=size)


def trickled(exchange: Exchange) -> None:
    """An answer without an end, a byte now and then: something always comes."""
    exchange.client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        exchange.client.sendall(b" ")
        time.sleep(0.02)


def closed_early(num_bytes: int) -> Fault:
    """A chunked body of so many bytes that ends as if that were all."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.answer()
        exchange.client.sendall(next(answer))
        body = b"".join(_unchunked(b"".join(answer)))[:num_bytes]
        exchange.client.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))

    return fault


def rewritten(old: bytes, new: bytes, *, then: int = ENOUGH) -> Fault:
    """The answer with something else in its head or body, cut after so many bytes."""

    def fault(exchange: Exchange) -> None:
        data = b"".join(exchange.answer())
        assert old in data, data[:1000]
        exchange.client.sendall(data.replace(old, new, 1)[:then])

    return fault


def refused(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Fault:
    """An answer of the proxy's own, such as those of a gateway without its server."""
    lines = [f"HTTP/1.1 {status} Refused", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    answer = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    return lambda exchange: exchange.client.sendall(answer)


def _unchunked(body: bytes) -> Iterator[bytes]:
    while body:
        size, _, body = body.partition(b"\r\n")
        yield body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]


@dataclass
class Proxy:
    """Listens on a port of its own; `faults` are taken by the requests in their order, and what comes after is passed on."""

    port: int  # the server's
    faults: deque[Fault] = field(default_factory=deque)
    requests: list[bytes] = field(default_factory=list)
    _open: set[socket.socket] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def close(self) -> None:
        """Take nothing more, and let go what is open."""
        for each in (self._listening, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self._open.add(client)
            threading.Thread(target=self._exchange, args=(client,), daemon=True).start()

    def _exchange(self, client: socket.socket) -> None:
        with suppress(OSError), closing(client):
            request = _read_request(client)
            if request:
                self.requests.append(request)
                # The server closes too, so that its answer ends where the connection does.
                line, _, rest = request.partition(b"\r\n")
                closing_one = b"%b\r\nConnection: close\r\n%b" % (line, _without_connection(rest))
                fault = self.faults.popleft() if self.faults else passed
                fault(Exchange(client, self.port, closing_one))
        self._open.discard(client)


def _without_connection(rest: bytes) -> bytes:
    head, end, body = rest.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join(lines) + end + body


def _read_request(client: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        if not (piece := client.recv(PIECE)):
            return b""
        request += piece
    head, _, body = request.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        if not (piece := client.recv(PIECE)):
            return b""
        body += piece
        request += piece
    return request


@contextmanager
def before(port: int, *faults: Fault) -> Iterator[Proxy]:
    """A proxy before the server at this port, of which the first requests end so."""
    proxy = Proxy(port, deque(faults))
    try:
        yield proxy
    finally:
        proxy.close()
