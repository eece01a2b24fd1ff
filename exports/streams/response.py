"""The response of a stream: what its server sends, and the stream's end, however that comes."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, cast

from django.http import StreamingHttpResponse

from exports.streams.leases import OpenStream
from themisdb_datasets.engine.plans.delivery import Chunk


# However a stream ends (with its last chunk, by a client that goes, by an
# error), its end has to be written down at once. So closing is handed on
# at every layer, instead of being left to whoever collects the generators.
class ChunkResponse(StreamingHttpResponse):
    """A stream's response, which passes memory views on as they are; Django would copy each."""

    def __init__(self, stream: OpenStream, chunks: AsyncGenerator[Chunk, None], **options: Any) -> None:
        self._sent = stream.send(chunks)
        super().__init__(self._sent, **options)
        self._stream = stream

    def make_bytes(self, value: Any) -> bytes:
        """The chunk itself: the server joins it into its own buffer."""
        return cast(bytes, value)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The stream itself, so that it is closed when the response is, not when it is collected."""
        return cast(AsyncIterator[bytes], self._sent)

    def close(self) -> None:
        """Also called where the client has gone before anything was sent."""
        super().close()
        self._stream.abandon()
