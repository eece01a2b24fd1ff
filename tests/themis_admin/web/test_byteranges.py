"""Ranges of a file as RFC 9110 has them."""

import pytest

from themis_admin.web.byteranges import AnsweredRange, requested

ETAG = '"' + "a" * 64 + '"'
WHOLE = AnsweredRange(200, 0, 1000)


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-", AnsweredRange(206, 0, 1000)),
        ("bytes=0-0", AnsweredRange(206, 0, 1)),
        ("bytes=999-", AnsweredRange(206, 999, 1000)),
        ("bytes=100-199", AnsweredRange(206, 100, 200)),
        ("bytes=100-5000", AnsweredRange(206, 100, 1000)),
        ("bytes=-100", AnsweredRange(206, 900, 1000)),
        ("bytes=-5000", AnsweredRange(206, 0, 1000)),
        ("bytes=1000-", AnsweredRange(416)),
        ("bytes=5000-6000", AnsweredRange(416)),
        ("bytes=-0", AnsweredRange(416)),
        ("bytes=200-100", WHOLE),
        ("bytes=-", WHOLE),
        ("bytes=0-1,5-9", WHOLE),  # several at once
        ("bytes=x-9", WHOLE),
        ("bytes=0x0-9", WHOLE),
        ("bytes=²-9", WHOLE),
        ("lines=0-9", WHOLE),
        ("bytes=" + "9" * 5000 + "-", WHOLE),
        ("", WHOLE),
    ],
)
def test_a_range(asked: str, part: AnsweredRange) -> None:
    assert requested({"Range": asked}, size=1000, etag=ETAG) == part


def test_a_range_of_other_content_gets_all_of_this() -> None:
    asked = {"Range": "bytes=500-"}
    assert requested({**asked, "If-Range": ETAG}, size=1000, etag=ETAG) == AnsweredRange(206, 500, 1000)
    for other in (f'"{"b" * 64}"', f"W/{ETAG}", "Sat, 21 Nov 2026 00:00:00 GMT"):
        assert requested({**asked, "If-Range": other}, size=1000, etag=ETAG) == WHOLE


def test_what_the_client_has_is_not_sent_again() -> None:
    for known in (ETAG, f'"x", W/{ETAG}', "*"):
        assert requested(
            {"If-None-Match": known, "Range": "bytes=0-9"}, size=1000, etag=ETAG
        ) == AnsweredRange(304)
    assert requested({"If-None-Match": '"x"'}, size=1000, etag=ETAG) == WHOLE


def test_an_empty_file_has_no_range() -> None:
    assert requested({"Range": "bytes=0-"}, size=0, etag=ETAG) == AnsweredRange(416)
    assert requested({}, size=0, etag=ETAG) == AnsweredRange(200, 0, 0)
