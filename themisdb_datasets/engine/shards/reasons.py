"""Why a line is not a sample, in a code for programs and a sentence for people."""

import re

import msgspec
import numpy as np

from themisdb_datasets.engine.kernels.unescape import escape_starts

MAX_DEPTH = 256  # levels of arrays and objects in a line
MAX_MEMBERS = 65_536  # names of a line's object and of the objects in it, one level down

NOT_A_NUMBER = re.compile(rb"[+-]?(NaN|Infinity|nan|inf|Inf|infinity|NAN|INF)\b")
WORD = re.compile(rb"[A-Za-z]{2,20}")
LITERAL_BYTES = 4  # that msgspec may have gone on after the first letter of true, false or null
ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
PLACE = re.compile(r"^JSON is malformed: (.*) \(byte (\d+)\)$")
ARTICLES = {
    "array": "an array",
    "int": "a number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "null": "null",
}
SENTENCES = {
    "trailing comma in object": "There is a comma before the closing brace",
    "trailing comma in array": "There is a comma before the closing bracket",
    "object keys must be strings": "A name of the object must stand in double quotes",
    "trailing characters": "Something follows after the object's closing brace",
    "invalid number": "A number is not written as JSON writes it",
    "invalid escaped character": "A backslash is followed by a character that JSON does not escape",
    "invalid character in unicode escape": "A \\u escape needs four hexadecimal digits",
    "expected ':'": "A colon is missing after a name",
    "expected ',' or '}'": "A comma or the closing brace is missing",
    "expected ',' or ']'": "A comma or the closing bracket is missing",
}
# msgspec gives the place of the offending byte, but here the one after it.
READ_ON = {"trailing characters", "invalid character in unicode escape"}


def explain(line: bytes, error: Exception, *, shift: int = 0) -> tuple[str, str]:
    """The reason code and the sentence for `line`, which decoding refused with `error`.

    Places are counted from 1 in the line as it stands in the source, `shift` bytes before `line`.
    """
    if too_deep(line):
        return "too_deep", f"The line nests arrays and objects more than {MAX_DEPTH} levels deep."
    if isinstance(error, msgspec.ValidationError):
        found = str(error).rpartition("`, got `")[2].rstrip("`")
        what = ARTICLES.get(found, "no object")
        return "not_an_object", f"The line is {what}; every line must be one JSON object."
    match = PLACE.match(str(error))
    if match is None:  # the line ends too early, for msgspec also in the middle of a pair of surrogates
        if (alone := WORD.fullmatch(line)) is not None:
            return "invalid_json", _no_word(alone, shift)
        return _lone_surrogate(line, shift) or (
            "invalid_json",
            "The line ends before its object does.",
        )
    what, place = match[1], int(match[2])
    if "surrogate" in what or "hex escape" in what:
        found_at = _lone_surrogate(line, shift)
        if found_at is not None:
            return found_at
    for start in range(max(0, place - 2), place + 1):
        number = NOT_A_NUMBER.match(line, start)
        if number is not None and number.end() > place:
            return (
                "nan_or_infinity",
                f"{number[0].decode()} is not JSON; use null or leave the field out (at byte {start + shift + 1}).",
            )
    where = f"at byte {place + shift + (what not in READ_ON)}"
    if what == "invalid character" and (word := _word(line, place)) is not None:
        return "invalid_json", _no_word(word, shift)
    if what == "invalid character" and place < len(line):
        return "invalid_json", f"{_unexpected(line[place])}, {where}."
    return "invalid_json", f"{SENTENCES.get(what, 'The line is not JSON: ' + what)}, {where}."


def _word(line: bytes, place: int) -> re.Match[bytes] | None:
    """The word without quotes at which decoding stopped, or that it had begun to read as true, false or null."""
    for start in range(max(0, place - LITERAL_BYTES), place):
        if line[start] in b"tfn" and not line[max(0, start - 1) : start].isalpha():
            return WORD.match(line, start)
    return WORD.match(line, place)


def _no_word(word: re.Match[bytes], shift: int) -> str:
    said = f"“{word[0].decode()}” is no word of JSON (true, false, null); texts stand in double quotes"
    return f"{said}, at byte {word.start() + shift + 1}."


def not_utf8(line: bytes, *, shift: int = 0) -> tuple[str, str] | None:
    """Why `line` is not UTF-8, or None if it is."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        place = error.start + shift + 1
        if line[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return "invalid_utf8", "The text is UTF-16; save the file as UTF-8."
        return "invalid_utf8", f"The text is not UTF-8: byte {place} is 0x{line[error.start]:02x}."
    return None


def too_deep(text: bytes, *, around: int = 0) -> bool:
    """Whether `text`, which has `around` levels around it, nests deeper than MAX_DEPTH."""
    # Counting brackets, strings and all, is cheap and never too few; only suspects are looked at byte by
    # byte.
    if text.count(b"{") + text.count(b"[") + around <= MAX_DEPTH:
        return False
    return nesting(text)[0] + around > MAX_DEPTH


def too_many_members(line: bytes) -> bool:
    """Whether the line's object, with the objects in it, has more than MAX_MEMBERS names."""
    # A member takes at least five bytes, as in "":1, with its comma.
    if len(line) < 5 * MAX_MEMBERS or line.count(b":") <= MAX_MEMBERS:
        return False
    return nesting(line)[1] > MAX_MEMBERS


def nesting(text: bytes) -> tuple[int, int]:
    """How deep the brackets of `text` nest, and how many names stand in its two outer levels; strings do not count."""
    depth = deepest = members = inside = 0
    escaped = False
    # In parts, for a line of 16 MiB would need several arrays of its length; what a part ends within is
    # carried over.
    for start in range(0, len(text), 1 << 16):
        part = np.frombuffer(text[start : start + (1 << 16)], np.uint8)
        quotes = part == 0x22
        backslashes = np.flatnonzero(part == 0x5C)
        if escaped:  # the last part ended in the middle of an escape
            quotes[0] = False
            backslashes = backslashes[backslashes > 0]
        starts = escape_starts(backslashes)
        quotes[starts[starts < len(part) - 1] + 1] = False
        escaped = bool(len(starts)) and int(starts[-1]) == len(part) - 1
        # An odd number of quotes so far: the byte is inside a string.
        counted = np.cumsum(quotes) + inside
        outside = counted & 1 == 0
        inside = int(counted[-1]) & 1
        folded = part | 0x20  # [ and {, ] and } differ in this bit only
        steps = ((folded == 0x7B) & outside).astype(np.int64) - ((folded == 0x7D) & outside)
        levels = np.cumsum(steps) + depth
        deepest = max(deepest, int(levels.max()))
        depth = int(levels[-1])
        members += int(np.count_nonzero((part == 0x3A) & outside & (levels <= 2)))
    return deepest, members


def _lone_surrogate(line: bytes, shift: int) -> tuple[str, str] | None:
    """The reason if a \\u escape of `line` is half a character."""
    high: re.Match[bytes] | None = None
    for match in ESCAPE.finditer(line):
        code = int(match[1], 16) if match[1] else 0
        is_low = 0xDC00 <= code <= 0xDFFF
        paired = high is not None and high.end() == match.start()
        if is_low and paired:
            high = None
            continue
        if high is not None or is_low:
            return _half(high or match, shift)
        if 0xD800 <= code <= 0xDBFF:
            high = match
    return _half(high, shift) if high is not None else None


def _half(match: re.Match[bytes], shift: int) -> tuple[str, str]:
    written = match[0].decode()
    return (
        "lone_surrogate",
        f"{written} is half of a surrogate pair and no character, at byte {match.start() + shift + 1}.",
    )


def _unexpected(byte: int) -> str:
    if byte < 0x20:
        return f"The control character 0x{byte:02x} must be written as \\u{byte:04x}"
    if byte < 0x7F:
        return f"The character {chr(byte)} is not expected there"
    return f"The byte 0x{byte:02x} is not expected there"
