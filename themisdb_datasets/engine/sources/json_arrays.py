"""A JSON file that holds one array, as JSON lines: its elements are found without parsing the whole."""

from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from themisdb_datasets.errors import MalformedError
from themisdb_datasets.vectors import Bytes

SPACE = b" \t\r\n"
QUOTE, BACKSLASH, COMMA = b'"\\,'
BOM = b"\xef\xbb\xbf"
# A line break inside a text is no JSON; put in its place, this is refused as well, and breaks no line.
BREAK = 0x0B


def array_lines(chunks: Iterator[bytes], *, name: str, max_bytes: int) -> Iterator[bytes]:
    """The elements of the array, each on a line of its own without space around its parts; numbers as they are spelled.

    What is no JSON between two commas is a line as well, to be rejected as such. MalformedError where the file is no
    array, ends within it, or has an element of more than `max_bytes`.
    """
    rest, begun, ended, empty = b"", False, False, True
    for chunk in chunks:
        # An element that spans chunks is gone through anew with each of them, which `max_bytes` keeps within
        # bounds.
        rest += chunk
        if not begun:
            rest = rest.removeprefix(BOM).lstrip(SPACE)
            if not rest or BOM.startswith(rest):
                continue
            if not rest.startswith(b"["):
                raise _bad(name, "does not begin with [; a .json file is one array. Name JSON lines .jsonl")
            rest, begun = rest[1:], True
        if ended:
            _check_end(rest, name)
            continue
        elements, rest, ended = _split(rest)
        # What stands between the brackets of [] is one piece without content, and no element.
        if ended and empty and len(elements) == 1 and not elements[0].strip(SPACE):
            elements = []
        empty = empty and not elements
        yield b"".join(map(_line, elements))
        if ended:
            _check_end(rest, name)
        elif len(rest) > max_bytes:
            what = f"has an element of more than {max_bytes:,} bytes"
            raise _bad(name, f"{what}. Send it as JSON lines (.jsonl), where such a line alone is rejected")
    if not begun and rest:
        raise _bad(name, "does not begin with [; a .json file is one array. Name JSON lines .jsonl")
    if begun and not ended:
        raise _bad(name, "ends before its array does: the file was cut off. Upload it again")


def _split(data: bytes) -> tuple[list[bytes], bytes, bool]:
    """The whole elements in `data`, what is left after them, and whether the array has ended."""
    text = np.frombuffer(data, np.uint8)
    outside = _outside_of_texts(text)
    opens = ((text == ord("[")) | (text == ord("{"))) & outside
    closes = ((text == ord("]")) | (text == ord("}"))) & outside
    # 0 within the array, for its own bracket has been taken off: the first closing one below 0 ends it.
    depth = np.cumsum(opens.astype(np.int32) - closes.astype(np.int32))
    ends = np.flatnonzero(closes & (depth < 0))[:1]
    stop = int(ends[0]) if len(ends) else len(data)
    commas = np.flatnonzero((text[:stop] == COMMA) & outside[:stop] & (depth[:stop] == 0)).tolist()
    places = [*commas, stop] if len(ends) else commas
    starts = [0, *(place + 1 for place in places)]
    elements = [data[start:end] for start, end in zip(starts, places, strict=False)]
    return elements, data[starts[len(places)] :], bool(len(ends))


def _outside_of_texts(text: Bytes) -> npt.NDArray[np.bool_]:
    """Where bytes are outside of JSON texts; `text` begins outside."""
    quotes = np.flatnonzero(text == QUOTE)
    # A quote after an odd number of backslashes is one within a text.
    before = np.zeros(len(quotes), np.int64)
    going = np.arange(len(quotes))
    while len(going):
        place = quotes[going] - 1 - before[going]
        going = going[(place >= 0) & (text[np.maximum(place, 0)] == BACKSLASH)]
        before[going] += 1
    real = quotes[before % 2 == 0]
    flips = np.zeros(len(text) + 1, np.int8)
    flips[real] = 1
    inside = np.cumsum(flips[:-1]) % 2 == 1
    outside: npt.NDArray[np.bool_] = ~inside & (text != QUOTE)
    return outside


def _line(element: bytes) -> bytes:
    element = element.strip(SPACE)
    try:
        return msgspec.json.format(element, indent=-1) + b"\n"
    except (msgspec.DecodeError, RecursionError):
        # Nothing between two commas has to be a line that is refused, not a blank one that is passed over.
        return _one_line(element or b",") + b"\n"


def _one_line(element: bytes) -> bytes:
    """What is no JSON, on one line as it has to be mended: its line breaks are spaces, but for those within texts."""
    text = np.frombuffer(element, np.uint8).copy()
    breaks = (text == ord("\n")) | (text == ord("\r"))
    if breaks.any():
        text[breaks] = np.where(_outside_of_texts(text)[breaks], ord(" "), BREAK)
    return text.tobytes()


def _check_end(rest: bytes, name: str) -> None:
    if rest.strip(SPACE):
        raise _bad(name, "goes on after the end of its array")


def _bad(name: str, what: str) -> MalformedError:
    return MalformedError(f"{name} {what}.", code="bad_json_array")
