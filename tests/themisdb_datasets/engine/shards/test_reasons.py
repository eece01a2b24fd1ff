"""Every reason why a line is no sample, in words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.themisdb_datasets.ingesting import ingest_bytes
from themisdb_datasets.engine.shards.reasons import MAX_DEPTH, nesting

DEEP = b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
TOO_DEEP = b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}"

REFUSED = [
    (b"[1]", "not_an_object", "The line is an array; every line must be one JSON object."),
    (b"5", "not_an_object", "The line is a number; every line must be one JSON object."),
    (b'"x"', "not_an_object", "The line is a text; every line must be one JSON object."),
    (b"null", "not_an_object", "The line is null; every line must be one JSON object."),
    (b"true", "not_an_object", "The line is true or false; every line must be one JSON object."),
    (b'{"a":NaN}', "nan_or_infinity", "NaN is not JSON; use null or leave the field out (at byte 6)."),
    (b'{"a":[1,-Infinity]}', "nan_or_infinity", "-Infinity is not JSON; use null or leave the field out (at byte 9)."),
    (b'{"a":nan}', "nan_or_infinity", "nan is not JSON; use null or leave the field out (at byte 6)."),
    (b'{"a":1,}', "invalid_json", "There is a comma before the closing brace, at byte 8."),
    (b'{"a":[1,]}', "invalid_json", "There is a comma before the closing bracket, at byte 9."),
    (b"{'a':1}", "invalid_json", "A name of the object must stand in double quotes, at byte 2."),
    (b'{"a":1}{"b":2}', "invalid_json", "Something follows after the object's closing brace, at byte 8."),
    (b'{"a":01}', "invalid_json", "A number is not written as JSON writes it, at byte 7."),
    (b'{"a":"\\x"}', "invalid_json", "A backslash is followed by a character that JSON does not escape, at byte 8."),
    (b'{"a":"\t"}', "invalid_json", "The control character 0x09 must be written as \\u0009, at byte 7."),
    (b'{"a":+1}', "invalid_json", "The character + is not expected there, at byte 6."),
    (b"nix", "invalid_json", "“nix” is no word of JSON (true, false, null); texts stand in double quotes, at byte 1."),
    (b"not json", "invalid_json", "“not” is no word of JSON (true, false, null); texts stand in double quotes, at byte 1."),
    (b'{"a":"n","b":None}', "invalid_json", "“None” is no word of JSON (true, false, null); texts stand in double quotes, at byte 14."),
    (b'{"a":[true,tru]}', "invalid_json", "“tru” is no word of JSON (true, false, null); texts stand in double quotes, at byte 12."),
    (b'{"a" 1}', "invalid_json", "A colon is missing after a name, at byte 6."),
    (b'{"a":1 "b":2}', "invalid_json", "A comma or the closing brace is missing, at byte 8."),
    (b'{"a":"x', "invalid_json", "The line ends before its object does."),
    (b'{"a":"\\u12"}', "invalid_json", "A \\u escape needs four hexadecimal digits, at byte 11."),
    (b'{"a":"\xff"}', "invalid_utf8", "The text is not UTF-8: byte 7 is 0xff."),
    (b'{"\xff":1}', "invalid_utf8", "The text is not UTF-8: byte 3 is 0xff."),
    (b'{"a":["\xed\xa0\x80"]}', "invalid_utf8", "The text is not UTF-8: byte 8 is 0xed."),
    (b'{"a":"\xc0\xaf"}', "invalid_utf8", "The text is not UTF-8: byte 7 is 0xc0."),
    (b'{"a":"\\ud800"}', "lone_surrogate", "\\ud800 is half of a surrogate pair and no character, at byte 7."),
    (b'{"a":"\\uDC00"}', "lone_surrogate", "\\uDC00 is half of a surrogate pair and no character, at byte 7."),
    (b'{"a":"\\udc00\\ud800"}', "lone_surrogate", "\\udc00 is half of a surrogate pair and no character, at byte 7."),
    (b'{"a":{"b":["\\ud83dxxxxxxx"]}}', "lone_surrogate", "\\ud83d is half of a surrogate pair and no character, at byte 13."),
    (b'{"\\udc00":1}', "lone_surrogate", "\\udc00 is half of a surrogate pair and no character, at byte 3."),
    (b'{"a":{"\\ud800":1}}', "lone_surrogate", "\\ud800 is half of a surrogate pair and no character, at byte 8."),
    (TOO_DEEP, "too_deep", "The line nests arrays and objects more than 256 levels deep."),
    (b"[" * 100_000 + b"]" * 100_000, "too_deep", "The line nests arrays and objects more than 256 levels deep."),
    (b'{"a":' * 5_000, "too_deep", "The line nests arrays and objects more than 256 levels deep."),
    (
        b"{" + b",".join(b'"%d":0' % i for i in range(65_537)) + b"}",
        "too_many_fields",
        "The object has more than 65,536 fields.",
    ),
]  # fmt: skip

TAKEN = [
    b"{}",
    b'{"":1}',
    DEEP,
    b'{"a":1e999,"b":-0,"c":0e0,"d":1.0,"e":123456789012345678901234567890}',
    b'{"b":1,"a":"\\u00e4\\/\\ud83d\\ude00","b":2}',
    b'{"a":1\r,"b":2}',
    b'{ "a" : [ 1 , 2 ] }',
    b'{"a":"' + b"[" * 1000 + b'"}',
    b'{"a":"\xf4\x8f\xbf\xbf \x7f"}',
    b'{"a":"\\\\","b":"\\\\\\"{[[["}',
    b'{"t":[' + b",".join([b"1"] * 70_000) + b"]}",
]


@pytest.mark.parametrize(
    ("line", "reason", "message"), REFUSED, ids=[line[:24].decode("latin1") for line, *_ in REFUSED]
)
def test_a_refused_line_says_why(tmp_path: Path, line: bytes, reason: str, message: str) -> None:
    ingested = ingest_bytes(tmp_path, b'{"before":1}\n' + line + b'\n{"after":1}')
    assert ingested.lines == [b'{"before":1}', b'{"after":1}']
    (reject,) = ingested.rejects
    assert (reject["line"], reject["offset"]) == (2, 13)
    assert (reject["reason"], reject["message"]) == (reason, message)


def test_what_is_json_comes_out_byte_for_byte(tmp_path: Path) -> None:
    ingested = ingest_bytes(tmp_path, b"\n".join(TAKEN))
    assert ingested.rejects == []
    assert ingested.lines == TAKEN


def test_places_count_in_the_line_as_it_stands_in_the_source(tmp_path: Path) -> None:
    (reject,) = ingest_bytes(tmp_path, b'\xef\xbb\xbf  {"a":NaN}  \r\n').rejects
    assert (reject["line"], reject["offset"], reject["text"]) == (1, 0, '{"a":NaN}')
    assert reject["message"].endswith("(at byte 11).")


def test_utf_16_is_named(tmp_path: Path) -> None:
    rejects = ingest_bytes(tmp_path, '{"a":1}'.encode("utf-16")).rejects
    assert [reject["message"] for reject in rejects] == ["The text is UTF-16; save the file as UTF-8."]


@given(
    st.lists(st.sampled_from(["[", "]", "{", "}", '"', '\\"', "\\\\", '"x\\"["', ":", "é"]), max_size=60),
    st.integers(0, 3),
)
def test_nesting_counts_as_a_plain_walk_does(pieces: list[str], padding: int) -> None:
    text = ('"' + "x" * (65_536 - 4 + padding) + '"' + "".join(pieces)).encode()
    depth = deepest = members = 0
    inside = escaped = False
    for byte in text:
        character = chr(byte)
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            inside = not inside
        elif not inside:
            depth += (character in "[{") - (character in "]}")
            deepest = max(deepest, depth)
            members += character == ":" and depth <= 2
    assert nesting(text) == (deepest, members)
