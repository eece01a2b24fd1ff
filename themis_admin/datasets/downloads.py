"""Files as downloads, read piece by piece: under ASGI Django would collect an ordinary FileResponse whole."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

PIECE = 1024 * 1024


def download(path: Path | None, *, name: str, content_type: str) -> StreamingHttpResponse:
    """The file at `path` as an attachment called `name`; an empty one where there is no file."""
    response = StreamingHttpResponse(_pieces(path), content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["Content-Length"] = str(path.stat().st_size if path is not None else 0)
    return response


async def _pieces(path: Path | None) -> AsyncIterator[bytes]:
    if path is None:
        return
    with await asyncio.to_thread(path.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece
