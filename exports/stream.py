"""The pump: chunks made in a thread, one ahead of the client, sent as the client takes them."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, cast

from django.http import StreamingHttpResponse

from themisdb_datasets.plan import Chunk

# Rendering leaves the GIL alone for most of its time, so a few threads more than cores keep all of them at work.
POOL = ThreadPoolExecutor(max_workers=(os.cpu_count() or 1) + 2, thread_name_prefix="stream")


class ChunkResponse(StreamingHttpResponse):
    """A streaming response that passes memory views on as they are; Django would copy each."""

    def make_bytes(self, value: Any) -> bytes:
        """The chunk itself: the server joins it into its own buffer."""
        return cast(bytes, value)


async def pump(chunks: Iterator[Chunk]) -> AsyncIterator[memoryview]:
    """The data of `chunks`, each made in a thread while the one before is on its way.

    Nothing more is made until the client has taken what there is. When the client goes, the one step under way is the
    last.
    """
    loop = asyncio.get_running_loop()

    def step() -> Chunk | None:
        return next(chunks, None)

    ahead = loop.run_in_executor(POOL, step)
    try:
        while (chunk := await ahead) is not None:
            ahead = loop.run_in_executor(POOL, step)
            yield chunk.data
    finally:
        if not ahead.done():
            # The step that is under way in its thread cannot be stopped; its result is dropped.
            with suppress(asyncio.CancelledError):
                ahead.cancel()
