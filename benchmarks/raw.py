"""The most that a loopback connection can do: a server that sends so many bytes of one buffer, in C, without HTTP."""

import socket
import sys

PIECE = bytes(4 << 20)
LENGTH = 8  # a request is the number of bytes, as a little-endian integer


def serve(port: int) -> None:
    """Answer one connection after the other."""
    with socket.create_server(("127.0.0.1", port)) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                request = connection.recv(LENGTH, socket.MSG_WAITALL)
                left = int.from_bytes(request, "little")
                while left > 0:
                    connection.sendall(memoryview(PIECE)[:left])
                    left -= len(PIECE)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
