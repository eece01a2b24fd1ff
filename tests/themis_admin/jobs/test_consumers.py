"""The socket of events, spoken to by hand: what a real server does too quickly to be seen."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from themis_admin.accounts import services as accounts
from themis_admin.accounts.models import User
from themis_admin.jobs import events
from themis_admin.jobs.consumers import EventsConsumer


def record(owner: User) -> int:
    """Write one event, from a thread that has the database to itself; its id."""
    try:
        return events.record("toy", owner=owner).pk
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_all_that_happens_after_a_socket_was_accepted_is_told(alice: User) -> None:
    record(alice)  # of before, and not told
    _, token = accounts.create_token(alice, name="socket", scopes=["read"])
    scope: Any = {
        "type": "websocket",
        "path": "/ws/events",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
    }

    async def listen() -> tuple[int, dict[str, Any]]:
        said: asyncio.Queue[Any] = asyncio.Queue()
        heard: asyncio.Queue[Any] = asyncio.Queue()
        said.put_nowait({"type": "websocket.connect"})
        socket = asyncio.ensure_future(EventsConsumer.as_asgi()(scope, said.get, heard.put))
        async with asyncio.timeout(20):
            assert (await heard.get())["type"] == "websocket.accept"
            # Nothing else of this loop runs before the event is committed.
            with ThreadPoolExecutor(1) as pool:
                made = pool.submit(record, alice).result(10)
            told = json.loads((await heard.get())["text"])
            said.put_nowait({"type": "websocket.disconnect", "code": 1000})
            await socket
        return made, told

    made, told = asyncio.run(listen())
    assert told["id"] == made
