"""The plain way that Themis is measured beside: a Django view that sends `json.dumps` of one sample after the other.

The samples lie decoded in its memory, so that nothing but writing and sending them is measured, and it yields from an
async generator, for under ASGI Django collects a plain one whole before the first byte. `?rows=100` sends so many
lines at a time, as somebody would who has measured it.
"""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import path

from themis_admin.console.management.commands.web import SERVER

SAMPLES: list[dict[str, str | float]] = []


async def lines(rows: int) -> AsyncIterator[str]:
    """Every sample as an instruction line, so many at a time."""
    for start in range(0, len(SAMPLES), rows):
        batch = SAMPLES[start : start + rows]
        yield "".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in batch)


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    """All of them."""
    return StreamingHttpResponse(
        lines(int(request.GET.get("rows", "1"))), content_type="application/x-ndjson"
    )


urlpatterns = [path("stream", stream)]


def load(corpus: Path, instruction: str, output: str) -> None:
    """Keep of every sample what a line needs."""
    with corpus.open("rb") as file:
        for line in file:
            if line.strip():
                sample = json.loads(line)
                SAMPLES.append({"instruction": sample[instruction], "output": sample[output], "weight": 1.0})


if __name__ == "__main__":
    port, corpus, instruction, output = sys.argv[1:]
    load(Path(corpus), instruction, output)
    settings.configure(
        ROOT_URLCONF=sys.modules[__name__], ALLOWED_HOSTS=["127.0.0.1"], SECRET_KEY="benchmark"
    )
    uvicorn.run(ASGIHandler(), port=int(port), **SERVER)
