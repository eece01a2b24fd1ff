"""Patterns as DuckDB's RE2 takes them: regular expressions checked, and those of LIKE turned into such.

DuckDB's own LIKE tries out every way in which `%` and `_` could fall, which takes minutes for some short patterns; RE2
takes time in proportion to the text, whatever the pattern.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc


def check_regex(pattern: str) -> str:
    """The pattern; ValueError where RE2 does not take it."""
    try:
        # Arrow has the same RE2 as DuckDB, so what it takes here does not fail over the data.
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        reason = str(error).removeprefix("Invalid regular expression: ")
        raise ValueError(f"The regular expression is not valid: {reason}.") from None
    return pattern


def like_to_regex(pattern: str) -> str:
    """A regular expression for a search in which `.` is any character; it finds what LIKE `pattern` matches."""
    start, end = ("" if pattern.startswith("%") else r"\A", "" if pattern.endswith("%") else r"\z")
    runs = re.split("(%+)", pattern)
    inner = "".join(".*" if run[:1] == "%" else _literal(run) for run in runs)
    # In a group, for DuckDB turns back into LIKE what looks like one.
    return f"({start}{inner.removeprefix('.*').removesuffix('.*')}{end})"


def _literal(run: str) -> str:
    return "".join("." if character == "_" else re.escape(character) for character in run)
