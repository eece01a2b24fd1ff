"""The corpus's own words in templates: rules as sentences, search hits, JSON as it is stored, log lines."""

import json
import re
from collections.abc import Iterator
from typing import Any

from django import template
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

OPS = {
    "eq": "is",
    "ne": "is not",
    "lt": "is below",
    "le": "is at most",
    "gt": "is above",
    "ge": "is at least",
    "contains": "contains",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "matches": "matches",
}
JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
INDENT = "  "
DEEPEST_INDENT = 40


@register.filter
def rule_words(where: dict[str, Any]) -> str:
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
    return condition_words(node)


@register.filter
def condition_words(node: dict[str, Any]) -> str:
    """One condition as words."""
    name, op, value = node["field"], node["op"], node.get("value")
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
    parts = re.split(f"({re.escape(search)})", text, flags=re.IGNORECASE)
    return mark_safe(
        "".join(f"<mark>{escape(part)}</mark>" if i % 2 else str(escape(part)) for i, part in enumerate(parts))
    )


@register.filter
def json_code(raw: str) -> SafeString:
    """A line of JSON indented and coloured; numbers keep their spelling, as nothing is parsed."""
    return mark_safe("".join(_coloured(JSON_TOKEN.findall(raw))))


def _coloured(tokens: list[str]) -> Iterator[str]:
    depth = 0
    for i, token in enumerate(tokens):
        following = tokens[i + 1] if i + 1 < len(tokens) else ""
        if token in "{[":
            depth += 1
            yield token if following in ("}", "]") else token + _line(depth)
        elif token in "}]":
            depth -= 1
            yield token if tokens[i - 1] in ("{", "[") else _line(depth) + token
        elif token == ",":
            yield "," + _line(depth)
        elif token == ":":
            yield ": "
        elif token[0] == '"':
            kind = "k" if following == ":" else "s"
            yield f'<span class="{kind}">{escape(_readable(token))}</span>'
        else:
            yield f'<span class="n">{escape(token)}</span>'


def _line(depth: int) -> str:
    return "\n" + INDENT * min(max(depth, 0), DEEPEST_INDENT)


def _readable(token: str) -> str:
    """A string whose letters were escaped, with its letters."""
    if "\\u" not in token:
        return token
    try:
        return json.dumps(json.loads(token), ensure_ascii=False)
    except ValueError:
        return token


@register.filter
def log_line(line: str) -> SafeString:
    """A line of a job's log with its time set back."""
    stamp, space, words = line.partition(" ")
    if space and re.match(r"\d{4}-\d\d-\d\dT", stamp):
        return format_html('<time datetime="{}">{}</time> {}', stamp, stamp[11:19], words)
    return escape(line)


@register.filter
def minus(value: float | None, other: float | None) -> float:
    """A difference; nothing counts as 0."""
    return (value or 0) - (other or 0)
