"""The corpus's own words in templates: filters and rules as sentences, edits, search hits, JSON as stored, log lines."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django import template
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString

from themis_admin.datasets.samples.operators import OPS

register = template.Library()

# Strings whole, with their escapes; then the marks; then numbers and words. A line that was cut at its end
# may leave half a string, which is passed over.
JSON_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
INDENT = "  "
# A sample may be nested deeply; indented all the way, its text would grow with the square of the depth.
DEEPEST_INDENT = 40


@register.filter
def filter_words(where: dict[str, Any]) -> str:
    """A filter as a sentence: `law contains “BImSch” or text contains “Lärm”`."""
    return _words(where, outermost=True)


def _words(node: dict[str, Any], *, outermost: bool = False) -> str:
    for kind, joint in (("all", " and "), ("any", " or ")):
        if kind in node:
            if not node[kind]:
                return "every sample" if kind == "all" else "no sample"
            words = joint.join(_words(item, outermost=len(node[kind]) == 1) for item in node[kind])
            return words if outermost or len(node[kind]) == 1 else f"({words})"
    if "not" in node:
        return f"not {_words(node['not'])}"
    if "expression" in node:
        return str(node["expression"])
    return condition_words(node)


@register.filter
def condition_words(node: dict[str, Any]) -> str:
    """One condition as words."""
    if "expression" in node:
        return str(node["expression"])
    name, op = node["field"], node["op"]
    value: Any = node.get("value")
    if op == "exists":
        return f"{name} exists" if value else f"{name} is missing or null"
    if op == "between":
        return f"{name} is between {_quoted(value[0])} and {_quoted(value[1])}"
    if op == "in":
        return f"{name} is one of {', '.join(_quoted(each) for each in value)}"
    case = ", case matters" if node.get("case_sensitive") else ""
    return f"{name} {OPS.get(op, op)} {_quoted(value)}{case}"


def _quoted(value: Any) -> str:
    return f"“{value}”" if isinstance(value, str) else json.dumps(value)


@register.filter
def marked(text: str, search: str) -> SafeString:
    """The text with what was searched for marked, in any case."""
    if not search:
        return escape(text)
    # A group in the pattern keeps what it matched, so every
    # second part is a hit; and each part is escaped by itself.
    parts = re.split(f"({re.escape(search)})", text, flags=re.IGNORECASE)
    marks = (format_html("<mark>{}</mark>", part) if i % 2 else part for i, part in enumerate(parts))
    return format_html_join("", "{}", ((mark,) for mark in marks))


PIECES = {
    "equal": "{}",
    "ins": "<ins>{}</ins>",
    "del": "<del>{}</del>",
    "gap": ' <span class="meta">{}</span> ',
}


@register.filter
def edits(pieces: Iterable[Any]) -> SafeString:
    """Two versions of a text as one, with what came in and what went marked; a gap stands for what is alike."""
    return format_html_join("", "{}", ((format_html(PIECES[piece.op], piece.text),) for piece in pieces))


@register.filter
def json_code(raw: str) -> SafeString:
    """A line of JSON indented and coloured; numbers keep their spelling, as nothing is parsed."""
    return format_html_join("", "{}", ((piece,) for piece in _coloured(JSON_PIECE.findall(raw))))


def _coloured(pieces: list[str]) -> Iterator[str]:
    depth = 0
    for i, piece in enumerate(pieces):
        following = pieces[i + 1] if i + 1 < len(pieces) else ""
        if piece in "{[":
            depth += 1
            yield piece if following in ("}", "]") else piece + _line(depth)
        elif piece in "}]":
            depth -= 1
            yield piece if pieces[i - 1] in ("{", "[") else _line(depth) + piece
        elif piece == ",":
            yield "," + _line(depth)
        elif piece == ":":
            yield ": "
        elif piece[0] == '"':
            kind = "k" if following == ":" else "s"
            yield format_html('<span class="{}">{}</span>', kind, _readable(piece))
        else:
            yield format_html('<span class="n">{}</span>', piece)


def _line(depth: int) -> str:
    return "\n" + INDENT * min(max(depth, 0), DEEPEST_INDENT)


def _readable(piece: str) -> str:
    """A string whose letters were escaped, with its letters."""
    if "\\u" not in piece:
        return piece
    try:
        return json.dumps(json.loads(piece), ensure_ascii=False)
    except ValueError:
        return piece


@register.filter
def minus(value: float | None, other: float | None) -> float:
    """A difference; nothing counts as 0."""
    return (value or 0) - (other or 0)


@register.filter
def factor_words(rule: dict[str, Any]) -> str:
    """A weighting rule as a sentence."""
    kind, field = rule["kind"], rule.get("field", "")
    words = {
        "value": f"the number in {field}",
        "map": f"a factor for {_counted(len(rule.get('factors', ())), 'value')} of {field}",
        "freshness": f"half as much for every {rule.get('half_life_days', 90):g} days of {field}",
        "length": f"more for a longer {rule.get('of', '')}, up to {1 + rule.get('bonus', 0.5):g}",
        "linear": f"a line over {field} through {_counted(len(rule.get('points', ())), 'point')}",
        "step": f"{_counted(len(rule.get('steps', ())), 'step')} over {field}",
        "expression": rule.get("expression", ""),
        "adaptive": "what a training run found hard",
    }
    times = f" times {rule['scale']:g}" if kind == "value" and rule.get("scale", 1) != 1 else ""
    return f"{words[kind]}{times}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


@register.filter
def factor(value: float) -> str:
    """A factor with up to four digits behind the point."""
    return f"{value:,.4f}".rstrip("0").rstrip(".")


@register.filter
def rule_request(rule: Any) -> str:
    """What a stream's request says to use the rule."""
    return json.dumps({"weighting": {"rules": [rule.name]}}, indent=2, ensure_ascii=False)
