"""A compressed stream is the same data, in chunks that can be read as they come."""

import asyncio
import gzip
from functools import partial

import pyarrow as pa
import pytest
from uvicorn.protocols.http.flow_control import FlowControl

from exports.streams import pump as pumping
from exports.streams.compression import Gzip, Zstd, negotiate, open_encoder
from exports.streams.pump import pump
from tests.exports.streams.conftest import WHOLE, lines
from themis_admin.web.serving import Outlet


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_each_encoded_chunk_can_be_read_when_it_comes(name: str) -> None:
    encoder = open_encoder(name)
    assert encoder is not None
    sent = b""
    for number in (1, 2, 3):
        sent += bytes(encoder.encode(memoryview(WHOLE[: 1000 * number])))
        expected = b"".join(WHOLE[: 1000 * each] for each in range(1, number + 1))
        with pa.CompressedInputStream(pa.BufferReader(sent), name) as reader:
            assert reader.read(len(expected)) == expected
    sent += bytes(encoder.end())
    if name == "gzip":
        assert gzip.decompress(sent) == expected
    else:
        with pa.CompressedInputStream(pa.BufferReader(sent), name) as reader:
            assert reader.read() == expected


def test_encoding_is_the_same_data_through_stalls() -> None:
    async def run() -> bytes:
        flow = FlowControl(asyncio.Transport())
        encoder, sent, number = Zstd(), b"", 0
        async for chunk in pump(partial(lines, []), encoder=encoder, outlet=Outlet(flow)):
            sent += bytes(chunk.data)
            number += 1
            if number in (2, 5):
                flow.pause_writing()
                asyncio.get_running_loop().call_later(2 * pumping.PATIENCE_SECONDS, flow.resume_writing)
        return sent + bytes(encoder.end())

    with pa.CompressedInputStream(pa.BufferReader(asyncio.run(run())), "zstd") as reader:
        assert reader.read() == WHOLE


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", ""),
        ("identity", ""),
        ("gzip", "gzip"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("GZIP;q=0.5, zstd;q=0.4", "gzip"),
        ("zstd;q=0, gzip", "gzip"),
        ("gzip;q=0", ""),
        ("identity, gzip;q=0.5", ""),
        ("identity;q=0.5, gzip;q=0.8", "gzip"),
        ("*", ""),
        ("br", ""),
        ("gzip;q=much", ""),
        ("gzip;q=nan", ""),
        (";;,,q=1", ""),
    ],
)
def test_the_client_says_what_it_accepts(accepted: str, encoding: str) -> None:
    assert negotiate(accepted) == encoding


def test_gzip_has_one_member_and_its_own_header() -> None:
    encoder = Gzip()
    assert bytes(encoder.encode(memoryview(b"{}\n")))[:2] == b"\x1f\x8b"
