"""Downloads by link: without login, by ranges, counted, and with one answer to every token that opens nothing."""

import time
from collections import OrderedDict
from functools import partial
from threading import Lock

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from exports.links import services
from exports.links.services import LinkedFile
from exports.models import Link, LinkUse

# A token cannot be guessed; who tries spares the server by stopping.
MISSES, MISSES_SECONDS, ADDRESSES = 3_000, 3_600, 10_000


@require_safe
def link(request: HttpRequest, token: str) -> HttpResponseBase:
    """The file of a link; of an export of several files the list of them."""
    found = services.find(token)
    if found is None:
        return missing(request)
    files = services.files(found)
    data = services.data_files(files)
    if len(data) == 1:
        return serve(request, found, data[0])
    if not data:
        return missing(request)
    return closed_to_others(
        render(request, "exports/links/linked.html", {"link": found, "files": files, "token": token})
    )


@require_safe
def linked_file(request: HttpRequest, token: str, name: str) -> HttpResponseBase:
    """One of a link's files by its name."""
    found = services.find(token)
    files = services.files(found) if found is not None else []
    file = next((each for each in files if each.name == name), None)
    if found is None or file is None:
        return missing(request)
    return serve(request, found, file)


@require_safe
def no_link(request: HttpRequest, rest: str) -> HttpResponseBase:
    """An address that cannot be a link answers as a wrong one does."""
    return missing(request)


def serve(request: HttpRequest, link: Link, file: LinkedFile) -> HttpResponseBase:
    """The part of the file that is asked for, counted; a question about it (HEAD, not modified) is not."""
    immutable = file.immutable
    if not immutable.path.is_file():
        return missing(request)
    part = immutable.requested_range(request)
    sent = None
    if request.method == "GET" and part.status in (200, 206):
        # Counted before the first byte, or many at once would all find
        # a place free; what is not taken is given back afterwards.
        use = services.count(link, file, part, address=request.META.get("REMOTE_ADDR") or None)
        if use is None:
            return missing(request)
        sent = partial(_taken, use, part.num_bytes)
    response = immutable.respond(request, part, sent=sent)
    if not connection.in_atomic_block:
        connection.close()  # a download may take hours and needs the database no more
    return closed_to_others(response)


def _taken(use: LinkUse, asked: int, sent: int) -> None:
    """Note that a client went before it had all; runs in a thread of its own."""
    if sent < asked:
        use.not_taken(asked - sent)
        connection.close()


def missing(request: HttpRequest) -> HttpResponseBase:
    """The one answer to tokens that are forged, altered, expired, revoked or used up."""
    if _too_many(request.META.get("REMOTE_ADDR", "")):
        response = HttpResponse(
            "Too many wrong addresses; try again in an hour.\n", status=429, content_type="text/plain"
        )
        response["Retry-After"] = str(MISSES_SECONDS)
        return response
    return closed_to_others(render(request, "exports/links/missing.html", status=404))


def closed_to_others(response: HttpResponseBase) -> HttpResponseBase:
    """Neither caches nor search engines nor the next site shall learn of a link."""
    response.headers.setdefault("Cache-Control", "no-store")
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


_lock = Lock()
_misses: OrderedDict[str, tuple[float, int]] = OrderedDict()


def _too_many(address: str) -> bool:
    """Count a miss of an address in this process; whether it had more than enough of them within an hour."""
    now = time.monotonic()
    with _lock:
        # Taken out and put in again, so that the dict is in the order of the last miss and the oldest address
        # goes first. In this process only: it is to spare the server, and guessing is hopeless without it.
        since, count = _misses.pop(address, (now, 0))
        if now - since > MISSES_SECONDS:
            since, count = now, 0
        _misses[address] = (since, count + 1)
        while len(_misses) > ADDRESSES:
            _misses.popitem(last=False)
        return count >= MISSES
