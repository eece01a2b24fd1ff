"""The pump: chunks made in a thread, one ahead of the client, sent as the client takes them."""

import asyncio
import os
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from typing import Any, cast

from django.http import StreamingHttpResponse

from exports.encoding import Encoder, encoded
from exports.leases import OpenStream
from themisdb_datasets.plan import Chunk

# Rendering leaves the GIL alone for most of its time, so a few threads more than cores keep all of them at work.
POOL = ThreadPoolExecutor(max_workers=(os.cpu_count() or 1) + 2, thread_name_prefix="stream")


class ChunkResponse(StreamingHttpResponse):
    """A stream's response, which passes memory views on as they are; Django would copy each."""

    def __init__(self, stream: OpenStream, chunks: AsyncGenerator[Chunk, None], **options: Any) -> None:
        super().__init__(stream.send(chunks), **options)
        self._stream = stream

    def make_bytes(self, value: Any) -> bytes:
        """The chunk itself: the server joins it into its own buffer."""
        return cast(bytes, value)

    def close(self) -> None:
        """Also called where the client has gone before anything was sent."""
        super().close()
        self._stream.abandon()


async def pump(chunks: Iterator[Chunk], encoder: Encoder | None = None) -> AsyncGenerator[Chunk, None]:
    """`chunks`, encoded, each made in a thread while the one before is on its way.

    Nothing more is made until the client has taken what there is. When the client goes, the one step under way is the
    last.
    """
    loop = asyncio.get_running_loop()
    steps = encoded(chunks, encoder)

    def step() -> Chunk | None:
        return next(steps, None)

    ahead = loop.run_in_executor(POOL, step)
    try:
        while (chunk := await ahead) is not None:
            ahead = loop.run_in_executor(POOL, step)
            yield chunk
    finally:
        if not ahead.done():
            # The step that is under way in its thread cannot be stopped; its result is dropped.
            with suppress(asyncio.CancelledError):
                ahead.cancel()


async def whole(chunks: Iterator[Chunk], encoder: Encoder | None) -> AsyncGenerator[Chunk, None]:
    """A stream that ends with its chunks."""
    async with aclosing(pump(chunks, encoder)) as pumped:
        async for chunk in pumped:
            yield chunk
    if encoder is not None:
        yield Chunk(encoder.end(), 0)
