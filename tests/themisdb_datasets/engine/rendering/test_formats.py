"""Formats over lines however they are spelled: escapes, numbers, whitespace, doubled keys, conversations held in texts.

The reference cuts the sample's text with Python's own JSON scanner and puts the line together from the cuttings.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.themisdb_datasets.engine.rendering.conftest import FORMATS
from tests.versions import make_version
from themisdb_datasets.engine.query.mapping import MappedValue, parse_value
from themisdb_datasets.engine.rendering import formats
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.rendering.render import Renderer
from themisdb_datasets.engine.selections.checks import Checker, Conversation
from themisdb_datasets.engine.shards.reasons import MAX_DEPTH
from themisdb_datasets.engine.versions.version import OpenVersion

FRAGMENTS = ["", "a", "ä", "😀", " ", "\u2028", "\x7f", "{", "}]", "<|im_end|>", "x" * 15, r"\u00e4", r"\uD83d\uDE00",
             r"\"", r"\\", r"\/", r"\n", r"\u0000", r"\u2028", r"\u0022", r"\u005c", r"\u005C\u0022", r"\b", "null"]  # fmt: skip
NUMBERS = ["0", "-0", "7", "1.10", "1.0", "1e5", "-1.5E-7", "12345678901234567890", "1e400"]
FIELDS = ["question", "context", "answer", "source", "tags", "law"]
BLANK = st.sampled_from(["", "", " ", "\t ", "\r"])
STRINGS = st.lists(st.sampled_from(FRAGMENTS), max_size=5).map(lambda parts: f'"{"".join(parts)}"')
SCALARS = STRINGS | st.sampled_from(["null", "true", "false", *NUMBERS])


def key_of(name: str) -> st.SearchStrategy[str]:
    """A name as it is, or with its first letter as an escape."""
    return st.sampled_from([f'"{name}"', f'"\\u{ord(name[0]):04x}{name[1:]}"'])


@st.composite
def objects(draw: st.DrawFn, keys: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> str:
    """An object, in which a key may stand twice."""
    members = draw(st.lists(st.tuples(BLANK, keys, BLANK, values, BLANK), max_size=5))
    return "{" + ",".join(f"{a}{key}{b}:{a}{value}{c}" for a, key, b, value, c in members) + draw(BLANK) + "}"


@st.composite
def arrays(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    items = draw(st.lists(st.tuples(BLANK, values, BLANK), max_size=3))
    return "[" + ",".join("".join(item) for item in items) + draw(BLANK) + "]"


VALUES = st.recursive(SCALARS, lambda inner: arrays(inner) | objects(STRINGS, inner), max_leaves=5)
SPEAKERS = st.sampled_from(['"user"', '"human"', '"gpt"', '"assistant"', '"tool"', r'"us\u0065r"', '"ä\\""'])


@st.composite
def messages(draw: st.DrawFn) -> str:
    """A message in one of the shapes, its members in any order, with more than it needs."""
    shape = draw(st.sampled_from([("role", "content"), ("from", "value")]))
    parts = [(draw(key_of(shape[0])), draw(SPEAKERS)), (draw(key_of(shape[1])), draw(VALUES))]
    parts += draw(
        st.lists(
            st.tuples(st.sampled_from(['"name"', '"role"', '"from"']), SPEAKERS | st.just("null")), max_size=1
        )
    )
    return "{" + ",".join(f"{key}:{value}" for key, value in draw(st.permutations(parts))) + "}"


BROKEN = objects(st.sampled_from(["role", "from", "content", "value"]).flatmap(key_of), VALUES)
TALKS = arrays(messages()) | arrays(messages() | BROKEN)
HELD = TALKS.map(json.dumps) | TALKS.map(
    lambda text: json.dumps(text.replace(",", ",\n"), ensure_ascii=False)
)
LINES = objects(
    st.sampled_from(FIELDS).flatmap(key_of), st.one_of(VALUES, STRINGS, TALKS, HELD | st.just(r'"[\"\\ud800\"]"'))
)  # fmt: skip
_scan = json.JSONDecoder().raw_decode


def cut(text: str) -> list[tuple[str, str]] | list[str]:
    """The members or the items of a JSON object or array, as they are spelled."""
    found: list[Any] = []
    place = 1
    while True:
        while text[place] in " \t\r\n,":
            place += 1
        if text[place] in "}]":
            return found
        key, stop = _scan(text, place)
        if text[0] == "{":
            place = stop
            while text[place] in " \t\r\n:":
                place += 1
            _, stop = _scan(text, place)
            found.append((key, text[place:stop]))
        else:
            found.append(text[place:stop])
        place = stop


def inside(raw: str) -> str:
    """A value within a text."""
    if raw == "null":
        return ""
    return json.loads(raw) if raw[0] == '"' else raw


def mapped(fields: dict[str, str], value: MappedValue) -> str:
    """A mapped value, spelled; null for nothing."""
    if not value.template:
        return fields.get(value.source, "null")
    texts = (
        part.text if part.kind == "text" else inside(fields.get(part.text, "null")) for part in value.parts
    )
    return json.dumps("".join(texts))


def refused(word: str) -> Any:
    raise ValueError(word)


def finite(raw: str) -> float:
    return float(raw) if math.isfinite(float(raw)) else refused(raw)


def held(raw: str) -> str:
    """What a text holds, where that is JSON that can be read: no halves of surrogate pairs, no number beyond range.

    It comes on one line, without blanks.
    """
    text = str(json.loads(raw))
    try:
        pairs = json.loads(text, parse_constant=refused, parse_float=finite, object_pairs_hook=list)
        json.dumps(pairs, ensure_ascii=False).encode()
    except ValueError:
        return "0"
    return re.sub(r'("(?:[^"\\]|\\.)*")|\s+', r"\1", text)


OPENAI = {"human": "user", "gpt": "assistant"}
SHAREGPT = {theirs: ours for ours, theirs in OPENAI.items()}


def conversation(raw: str) -> list[tuple[str, bool, str, str]]:
    """Messages as (who, whether in ShareGPT's words, what, the message itself); none for what is no conversation."""
    if raw[0] == '"':
        raw = held(raw)
    if raw[0] != "[":
        return []
    found = []
    for item in cut(raw):
        assert isinstance(item, str)
        if item[0] != "{":
            return []
        pairs: list[Any] = cut(item)
        if any(key in ("role", "from") and value[0] not in '"n' for key, value in pairs):
            return []
        members = dict(pairs)
        theirs = members.get("from", "null") != "null"
        who, what = ("from", "value") if theirs else ("role", "content")
        if members.get(who, "null") == "null" or what not in members:
            return []
        found.append((json.loads(members[who]), theirs, members[what], item))
    return found


def talk(form: Format, get: dict[str, str]) -> str:
    """The line's first member of a format of conversations."""
    shape = "sharegpt" if form.name == "sharegpt" else "openai"
    if "messages" in get:
        said = conversation(get["messages"])
    else:
        system, user, assistant = get.get("system", "null"), get["user"], get["assistant"]
        if "input" in get:
            more = inside(get["input"])
            user = json.dumps(inside(user) + (f"\n\n{more}" if more else ""))
        turns = [("system", system), ("user", user), ("assistant", assistant)]
        said = [
            (who, False, '""' if what == "null" else what, "")
            for who, what in turns
            if who != "system" or what not in ("null", '""')
        ]
    if form.name == "chatml":
        texts = (
            f"<|im_start|>{OPENAI.get(who, who) if theirs else who}\n{inside(what)}<|im_end|>\n"
            for who, theirs, what, _ in said
        )
        return f'"text":{json.dumps("".join(texts))}'
    if "messages" in get and all(theirs == (shape == "sharegpt") for _, theirs, _, _ in said):
        made = [item for *_, item in said]
    elif shape == "sharegpt":
        made = [
            f'{{"from":{json.dumps(who if theirs else SHAREGPT.get(who, who))},"value":{what}}}'
            for who, theirs, what, _ in said
        ]
    else:
        made = [
            f'{{"role":{json.dumps(OPENAI.get(who, who) if theirs else who)},"content":{what}}}'
            for who, theirs, what, _ in said
        ]
    return f'"{"conversations" if shape == "sharegpt" else "messages"}":[{",".join(made)}]'


def expected(line: str, form: Format) -> str:
    pairs: list[Any] = cut(line)
    fields = dict(pairs)
    get = {role: mapped(fields, value) for role, value in form.mapping.items()}
    full = {role: '""' if raw == "null" else raw for role, raw in get.items()}
    if form.name in ("instruction_tuning", "alpaca"):
        roles = ["instruction", "input", "output"]
        if form.name == "alpaca":
            full.setdefault("input", '""')
        elif full["input"] == '""':
            roles.remove("input")
    else:
        roles = [role for role in ("text", "prompt", "chosen", "rejected") if role in full]
    body = ",".join(f'"{role}":{full[role]}' for role in roles) or talk(form, get)
    if form.weight:
        body += ',"weight":1.2000'
    if form.metadata:
        there = [(name, fields[name]) for name in form.metadata if fields.get(name, "null") != "null"]
        body += f',"metadata":{{{",".join(f"{json.dumps(name)}:{raw}" for name, raw in there)}}}'
    return f"{{{body}}}"


def exact(line: str) -> Any:
    """A line parsed without losing how numbers are spelled, or which keys come twice."""
    return json.loads(line, parse_float=lambda raw: ("number", raw), parse_int=lambda raw: ("number", raw),
                      object_pairs_hook=lambda pairs: ("object", pairs))  # fmt: skip


def render(version: OpenVersion, form: Format) -> list[str]:
    rows = np.arange(version.num_samples)
    lines = Renderer(version, form).lines(rows, np.full(len(rows), 12_000, np.uint16))
    text = bytes(lines.join(0, len(rows))).decode()
    assert text.endswith("\n")
    return text[:-1].split("\n")


def test_every_format_is_compared() -> None:
    assert {form.name for form in FORMATS.values()} == {*formats.FORMATS, *formats.PRESETS} - {"raw"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINES, min_size=1, max_size=8))
def test_every_line_is_made_of_the_samples_own_spelling(tmp_path: Path, lines: list[str]) -> None:
    version = make_version(tmp_path, [line.encode() for line in lines])
    for name, form in FORMATS.items():
        got = render(version, form)
        assert [exact(line) for line in got] == [exact(expected(line, form)) for line in lines], name
        for line in got:
            msgspec.json.decode(line, type=msgspec.Raw)  # as strict trainers read it


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def test_what_is_nested_as_deeply_as_ingest_takes_it_comes_out_whole(tmp_path: Path) -> None:
    members = [f'"{name}":{nested(MAX_DEPTH - 1)}' for name in FIELDS if name != "tags"]
    talk = f'[{{"from":"human","value":{nested(MAX_DEPTH - 3)}}},{{"from":"gpt","value":"x"}}]'
    line = f'{{{",".join(members)},"tags":{talk}}}'
    version = make_version(tmp_path, [line.encode()])
    for name, form in FORMATS.items():
        assert [exact(got) for got in render(version, form)] == [exact(expected(line, form))], name


def test_a_conversation_in_a_text_is_no_deeper_than_one_in_a_sample_can_be(tmp_path: Path) -> None:
    texts = [
        f'[{{"role":"user","content":{nested(levels)}}}]' for levels in (MAX_DEPTH - 3, MAX_DEPTH - 2, 9999)
    ]
    version = make_version(tmp_path, [{"tags": text} for text in texts])
    form = Format("openai", {"messages": parse_value("tags")}, weight=False)
    assert render(version, form) == [f'{{"messages":{texts[0]}}}', '{"messages":[]}', '{"messages":[]}']
    passes = Checker(Conversation(parse_value("tags")), version).passes(np.arange(3))
    assert passes.tolist() == [True, False, False]
