"""The pump: what it holds for a client that takes nothing, it drops and makes again, byte for byte."""

import asyncio
import random
from functools import partial

import pytest
from uvicorn.protocols.http.flow_control import FlowControl

from exports.streams import pump as pumping
from exports.streams.pump import pump
from tests.exports.streams.conftest import LINES, WHOLE, lines
from themis_admin.web.serving import Outlet


async def taken(
    outlet: Outlet | None, flow: FlowControl, *, stalls: set[int]
) -> tuple[bytes, int, list[int]]:
    """What a client gets that stops taking for a while after these parts; its lines; where they were made from."""
    made: list[int] = []
    got, num_samples, number = b"", 0, 0
    async for chunk in pump(partial(lines, made), encoder=None, outlet=outlet):
        got += bytes(chunk.data)
        num_samples += chunk.num_samples
        number += 1
        if number in stalls:
            flow.pause_writing()
            asyncio.get_running_loop().call_later(3 * pumping.PATIENCE_SECONDS, flow.resume_writing)
    return got, num_samples, made


@pytest.mark.parametrize("part_bytes", [1000, 64 << 10, 1 << 20])
def test_what_a_stalled_client_did_not_take_is_made_again_byte_for_byte(
    part_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pumping, "PART_BYTES", part_bytes)
    monkeypatch.setattr(pumping, "PATIENCE_SECONDS", 0.01)

    async def run() -> None:
        flow = FlowControl(asyncio.Transport())
        stalls = set(random.Random(part_bytes).sample(range(1, 15), 4)) if part_bytes < 1 << 20 else {1, 2}
        got, num_samples, made = await taken(Outlet(flow), flow, stalls=stalls)
        assert got == WHOLE
        assert num_samples == len(LINES)
        assert len(made) == 1 + len(stalls), "what was prepared is dropped with every stall"

    asyncio.run(run())


def test_a_client_that_pauses_shortly_gets_what_is_prepared() -> None:
    async def run() -> None:
        flow = FlowControl(asyncio.Transport())
        got = b""
        made: list[int] = []
        async for chunk in pump(partial(lines, made), encoder=None, outlet=Outlet(flow)):
            got += bytes(chunk.data)
            flow.pause_writing()
            asyncio.get_running_loop().call_soon(flow.resume_writing)
        assert got == WHOLE
        assert made == [0]

    asyncio.run(run())
