"""Which part of a file a request asks for: Range, If-Range and If-None-Match (RFC 9110), for content that never changes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

RANGE = re.compile(r"bytes=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII)


@dataclass(frozen=True)
class AnsweredRange:
    """What is answered: the status, and the bytes from `start` to before `stop`."""

    status: int
    start: int = 0
    stop: int = 0

    @property
    def num_bytes(self) -> int:
        return self.stop - self.start


def requested(headers: Mapping[str, str], *, size: int, etag: str) -> AnsweredRange:
    """200 with all of it, 206 with one range, 304, or 416 where the range begins past the end.

    What cannot be read as a range, and a request for several at once, gets the whole file, as the standard allows; so
    does a range that is asked for on the condition of another content.
    """
    if _lists(headers.get("If-None-Match", ""), etag):
        return AnsweredRange(304)
    whole = AnsweredRange(200, 0, size)
    # If-Range compares strongly (RFC 9110, 13.1.5). A date there never equals the tag, so the whole file is
    # sent, which is always right; sending a range of other content never is.
    match = RANGE.fullmatch(headers.get("Range", "").strip())
    if match is None or headers.get("If-Range", etag).strip() != etag:
        return whole
    first, last = match.groups()
    if not first and not last:
        return whole
    # `-500` are the last 500 bytes, and of a shorter file all of it (14.1.2).
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        # Such a range is invalid (14.1.1), and an invalid one may be ignored (14.2).
        if last and int(last) < int(first):
            return whole
    return AnsweredRange(206, start, stop) if start < stop else AnsweredRange(416)


def _lists(condition: str, etag: str) -> bool:
    # If-None-Match compares weakly (13.1.2), so a weak tag counts as its strong one.
    tags = {tag.strip().removeprefix("W/") for tag in condition.split(",")}
    return etag in tags or "*" in tags
