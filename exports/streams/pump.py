"""The pump: chunks made in threads, sent as the client takes them."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

from exports.streams.compression import Compressor
from themis_admin.web.serving import Outlet
from themisdb_datasets.engine.plans.delivery import Chunk

# Rendering leaves the GIL alone for most of its time, so a few threads more than cores keep all of them at work.
POOL = ThreadPoolExecutor(max_workers=(os.cpu_count() or 1) + 2, thread_name_prefix="stream")
# All that a client which takes nothing makes this process hold,
# whatever the size of the chunks; compressed, it is one chunk.
PART_BYTES = 256 << 10
# A client that reads well has its buffers full for moments all the time. Dropping what was prepared would
# then make everything twice; only who takes nothing for longer than this loses it.
PATIENCE_SECONDS = 0.1

ChunksFrom = Callable[[int], Iterator[Chunk]]  # all lines after so many


class _Maker:
    """Makes chunks in the pool's threads; what it holds can be dropped at any time, and is made again when needed."""

    def __init__(self, lines: ChunksFrom, encoder: Compressor | None) -> None:
        self._lines = lines
        self._encoder = encoder
        self._chunks: Iterator[Chunk] | None = None
        self.done = 0  # samples that were sent whole
        self.sent = 0  # bytes that were sent of those after them

    def step(self) -> Chunk | None:
        """The chunk that goes on where sending is; None at the end."""
        # Dropped, or never begun. A line is a pure function of its position, so what was dropped comes again
        # byte for byte, though the chunks may be cut elsewhere than before.
        if self._chunks is None:
            self._chunks = self._lines(self.done)
        for chunk in self._chunks:
            # Of a chunk that is made again some bytes may have been sent; the pump goes on behind these.
            if self.sent < len(chunk.data):
                if self._encoder is None:
                    return chunk
                return Chunk(self._encoder.encode(chunk.data), chunk.num_samples)
            # Made again in other chunks than before.
            self.finish(chunk)
        return None

    def finish(self, chunk: Chunk) -> None:
        """A chunk was sent."""
        self.done += chunk.num_samples
        self.sent -= len(chunk.data)  # of one made again in smaller chunks, some of the next were sent too

    def drop(self) -> None:
        """Let go what was prepared."""
        self._chunks = None


async def pump(
    lines: ChunksFrom, *, encoder: Compressor | None, outlet: Outlet | None
) -> AsyncGenerator[Chunk, None]:
    """The chunks of `lines`, encoded, in parts of at most 256 KiB that count their samples with the last one.

    Nothing is made before the client has taken what there is. For a client that takes nothing for a while only what is
    on its way already is held. When the client goes, the step under way is the last.
    """
    loop = asyncio.get_running_loop()
    maker = _Maker(lines, encoder)
    while True:
        if outlet is not None and outlet.full and not await _taken(outlet):
            maker.drop()
            await outlet.drained()
        chunk = await loop.run_in_executor(POOL, maker.step)
        if chunk is None:
            return
        size = len(chunk.data)
        while maker.sent < size:
            if outlet is not None and outlet.full and not await _taken(outlet):
                maker.drop()
                if encoder is None:
                    break  # what is left of the chunk goes too
                await outlet.drained()
            # A slice of a memory view copies nothing. The samples of a
            # chunk count with its last part, when all of them are sent.
            part = chunk.data[maker.sent : maker.sent + PART_BYTES]
            maker.sent += len(part)
            yield Chunk(part, chunk.num_samples if maker.sent == size else 0)
            if outlet is not None:
                # The server has copied it; whoever else still knows it holds no memory by that.
                part.release()
        else:
            maker.finish(chunk)
        if outlet is not None:
            chunk.data.release()


async def _taken(outlet: Outlet) -> bool:
    """Wait a moment for the client to take what there is; False where it does not."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await outlet.drained()
    except TimeoutError:
        return False
    return True


async def whole(
    lines: ChunksFrom, *, encoder: Compressor | None, outlet: Outlet | None
) -> AsyncGenerator[Chunk, None]:
    """A stream that ends with its chunks."""
    # A generator that is left in the middle is closed when it is collected, at any later time and by anybody;
    # this closes it when its reader is closed (PEP 525).
    async with aclosing(pump(lines, encoder=encoder, outlet=outlet)) as pumped:
        async for chunk in pumped:
            yield chunk
    if encoder is not None:
        yield Chunk(encoder.end(), 0)
