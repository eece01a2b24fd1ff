"""What a client asks Themis for, as steps: requests that are tried again while that makes sense, and the end of a job."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from themisdb_datasets.client.connection import (
    TRANSIENT,
    Backoff,
    Patience,
    Server,
    answer_of,
    error_of,
    part_of,
    unreachable,
)
from themisdb_datasets.client.steps import Answer, Ask, Sleep, Steps, TooSlowError
from themisdb_datasets.errors import CancelledError, ImpossibleError, ThemisError

FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0  # seconds between looks at a job

JobDocument = dict[str, Any]


def asking(
    server: Server,
    backoff: Backoff,
    method: str,
    path: str,
    *,
    repeatable: bool = False,
    **options: Any,
) -> Steps[httpx.Response]:
    """The answer, read; ThemisError for one that is an error. What may be asked twice is tried again for a while."""
    repeatable = repeatable or method in ("GET", "HEAD")
    patience = Patience(backoff, known=server.has_answered)
    while True:
        answer: Answer = yield Ask(method, server.path(path), options, within=backoff.patience)
        if isinstance(answer, httpx.RequestError):
            error: ThemisError = unreachable(server.base_url, answer)
            # One that was too slow has had all the patience there is.
            passes = not isinstance(answer, TooSlowError)
        elif answer.is_success:
            server.note_answer()
            return answer
        else:
            error, passes = error_of(answer), answer.status_code in TRANSIENT - {429}
        if not repeatable or not passes:
            raise error
        yield Sleep(patience.after(error))


def waiting(
    server: Server, backoff: Backoff, job: Mapping[str, Any], report: Callable[[JobDocument], None]
) -> Steps[JobDocument]:
    """How a job ended; ImpossibleError: it failed; CancelledError: somebody cancelled it."""
    wait = FIRST_WAIT
    while True:
        document: JobDocument = answer_of((yield from asking(server, backoff, "GET", job["url"])))
        report(document)
        if has_succeeded(document):
            return document
        yield Sleep(wait)
        wait = min(wait * 1.5, LONGEST_WAIT)


def has_succeeded(job: Mapping[str, Any]) -> bool:
    """Whether a job is done; ImpossibleError where it failed, CancelledError where it was cancelled."""
    state = part_of(job, "state")
    if state == "failed":
        raise ImpossibleError(f"{job['title']}: {job['error']}", code=job["error_code"])
    if state == "cancelled":
        raise CancelledError(f"{job['title']} was cancelled.")
    return bool(state == "succeeded")


def following(page: Mapping[str, Any]) -> str | None:
    """Where a list goes on after this page; None at its end."""
    address = part_of(page, "next")
    if not address:
        return None
    parts = urlsplit(address)
    # Only its path: the token goes to no other server, whatever a proxy makes of addresses.
    return f"{parts.path}?{parts.query}"
