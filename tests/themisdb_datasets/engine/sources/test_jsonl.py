"""The line scanner: the same lines whatever the chunks, and nothing held of what is too long."""

import base64
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from themisdb_datasets.engine.sources import jsonl
from themisdb_datasets.engine.sources.jsonl import LineScanner, Reject

PIECES = st.lists(
    st.sampled_from(
        [b"\n", b"\r\n", b" ", b"\t", b"a", b"{}", b"\xef\xbb\xbf", b"\xef", b"\xc3\xa4", b"x" * 30]
    ),
    max_size=40,
)


def scanned(
    data: bytes, *, size: int, max_line_bytes: int = 20
) -> tuple[list[tuple[int, int, bytes]], list[Reject], int]:
    """(number, offset of the line, content) of each line, the rejects, and how many lines were blank."""
    chunks = [data[i : i + size] for i in range(0, len(data), size)]
    scanner = LineScanner(chunks, max_line_bytes=max_line_bytes)
    lines, rejects = [], []
    for block in scanner.blocks():
        for row in range(len(block)):
            start = int(block.line_starts[row])
            assert block.data[block.stops[row]] == 10
            content = block.data[block.starts[row] : block.ends[row]]
            lines.append((int(block.numbers[row]), block.offset + start, content))
        rejects += block.rejects
    return lines, rejects, scanner.num_blank


def expected(
    data: bytes, max_line_bytes: int
) -> tuple[list[tuple[int, int, bytes]], list[tuple[int, int]], int]:
    lines, long, blank, offset = [], [], 0, 0
    raw_lines = data.split(b"\n")
    if not raw_lines[-1]:
        raw_lines.pop()
    for number, raw in enumerate(raw_lines, 1):
        content = raw.strip().removeprefix(b"\xef\xbb\xbf").lstrip()
        if len(raw) > max_line_bytes and raw.strip():
            long.append((number, offset))
        elif content:
            lines.append((number, offset, content))
        else:
            blank += 1
        offset += len(raw) + 1
    return lines, long, blank


@given(PIECES, st.integers(1, 9), st.sampled_from([16, 23, 1 << 20]))
def test_lines_numbers_and_offsets_do_not_depend_on_chunks_and_blocks(
    pieces: list[bytes], size: int, block_bytes: int
) -> None:
    data = b"".join(pieces)
    usual = jsonl.BLOCK_BYTES
    jsonl.BLOCK_BYTES = block_bytes
    try:
        lines, rejects, blank = scanned(data, size=size)
    finally:
        jsonl.BLOCK_BYTES = usual
    wanted, long, wanted_blank = expected(data, 20)
    assert lines == wanted
    assert [(reject.line, reject.offset) for reject in rejects] == long
    assert blank == wanted_blank


def test_a_line_of_many_spaces_is_trimmed_too() -> None:
    lines, _, _ = scanned(b" " * 50 + b"{}" + b" " * 50 + b"\r\n", size=1000, max_line_bytes=1000)
    assert lines == [(1, 0, b"{}")]


def test_an_unread_line_keeps_one_kibibyte() -> None:
    def endless() -> Iterator[bytes]:
        yield b"{}\n"
        for _ in range(64):
            yield b"y" * (1 << 20)
        yield b"\n{}"

    scanner = LineScanner(endless(), max_line_bytes=2 << 20)
    blocks = list(scanner.blocks())
    (reject,) = [reject for block in blocks for reject in block.rejects]
    assert (reject.line, reject.offset, reject.num_bytes, reject.reason) == (2, 3, 64 << 20, "line_too_long")
    assert reject.kept == b"y" * 1024
    assert [int(number) for block in blocks for number in block.numbers] == [1, 3]
    assert blocks[-1].offset + int(blocks[-1].line_starts[-1]) == 3 + (64 << 20) + 1


def test_a_long_line_of_spaces_is_blank_all_the_same() -> None:
    lines, rejects, blank = scanned(b"{}\n" + b" " * (3 << 20) + b"\n", size=1 << 20, max_line_bytes=1 << 20)
    assert (len(lines), rejects, blank) == (1, [], 1)


@pytest.mark.parametrize(
    ("kept", "num_bytes", "wanted"),
    [
        (b"abc", 3, {"text": "abc", "truncated": False}),
        (b"ab\xc3", 9, {"text": "ab", "truncated": True}),
        (b"ab\xc3", 3, {"base64": base64.b64encode(b"ab\xc3").decode(), "truncated": False}),
        (b"\xff\xfea", 9, {"base64": base64.b64encode(b"\xff\xfea").decode(), "truncated": True}),
    ],
)
def test_a_reject_says_its_line_as_text_or_else_as_base64(
    kept: bytes, num_bytes: int, wanted: dict[str, object]
) -> None:
    document = json.loads(Reject(7, 90, "invalid_json", "So.", kept, num_bytes).to_json())
    assert document == {"line": 7, "offset": 90, "reason": "invalid_json", "message": "So.", **wanted}
