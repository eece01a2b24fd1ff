"""Every format beside a plain reference that parses the samples, over the usual nasty values."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.themisdb_datasets.engine.rendering.conftest import ALPACA, FIELDS, FORMATS
from tests.versions import make_version
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.rendering.render import Renderer
from themisdb_datasets.engine.versions.version import OpenVersion

NASTY = ["", "a", '"', "\\", "\n", "\u2028", "\x00", "ä" * 7, "ß" * 13, "😀", "{x}", "x" * 40, "\x7f", "null"]
TEXTS = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SCALARS = (
    TEXTS
    | st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats(allow_nan=False, allow_infinity=False)
)
PLAIN = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(TEXTS, SCALARS, max_size=2)
SPEAKERS = st.sampled_from(["system", "user", "assistant", "human", "gpt", "tool", 'ä"'])
MESSAGES = st.fixed_dictionaries({"role": SPEAKERS, "content": PLAIN}, optional={"name": PLAIN}) | (
    st.fixed_dictionaries({"from": SPEAKERS, "value": PLAIN})
)
BROKEN = st.dictionaries(st.sampled_from(["role", "from", "content", "value"]), PLAIN)
VALUES = PLAIN | st.lists(MESSAGES, max_size=4) | st.lists(MESSAGES | BROKEN, max_size=3)
SAMPLES = st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6), min_size=1, max_size=12)


def value_of(sample: dict[str, Any], source: str) -> Any:
    """What a mapping's value is for one sample, worked out from the parsed sample; None where there is nothing."""
    value = parse_value(source)
    if not value.template:
        return sample.get(source)
    return "".join(
        part.text if part.kind == "text" else inside(sample.get(part.text)) for part in value.parts
    )


def inside(value: Any) -> str:
    if value is None:
        return ""
    return (
        value if isinstance(value, str) else RAW.get(json.dumps(value), json.dumps(value, ensure_ascii=False))
    )


RAW: dict[str, str] = {}


def expected(sample: dict[str, Any], form: Format, weight: int) -> dict[str, Any]:
    get = {role: value_of(sample, value.source) for role, value in form.mapping.items()}
    full = {role: "" if value is None else value for role, value in get.items()}
    line: dict[str, Any]
    if form.name == "instruction_tuning":
        line = {"instruction": full["instruction"], "input": full["input"], "output": full["output"]}
        if get["input"] in (None, ""):
            del line["input"]
    elif form.name == "alpaca":
        line = {role: full.get(role, "") for role in ALPACA}
    elif form.name in ("text_completion", "preference"):
        line = full
    else:
        line = in_shape(
            form.name, said(get["messages"]) if "messages" in get else turns(get, full, form.name)
        )
    if form.weight:
        line["weight"] = weight / 10_000
    if form.metadata:
        line["metadata"] = {name: sample[name] for name in form.metadata if sample.get(name) is not None}
    return line


def turns(get: dict[str, Any], full: dict[str, Any], shape: str) -> list[dict[str, Any]]:
    """The messages of a system, user and assistant field."""
    asked = full["user"]
    if "input" in get:
        extra = f"\n\n{full['input']}" if full["input"] else ""
        asked = inside(get["user"]) + extra
    spoken = {"system": full["system"], "user": asked, "assistant": full["assistant"]}
    return [{"role": r, "content": c} for r, c in spoken.items() if r != "system" or c != ""]


def said(value: Any) -> list[dict[str, Any]]:
    """The messages of a list of them, none where it is none, as a dictionary each in OpenAI's words or all its own."""
    if not isinstance(value, list):
        return []
    for each in value:
        if not isinstance(each, dict):
            return []
        speakers = [each[name] for name in ("role", "from") if each.get(name) is not None]
        if not speakers or not all(isinstance(speaker, str) for speaker in speakers):
            return []
        if ("content" if each.get("from") is None else "value") not in each:
            return []
    return value


ROLES = {"human": "user", "gpt": "assistant"}


def in_shape(name: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    neutral = [
        (m["from"], m["value"], True) if m.get("from") is not None else (m["role"], m["content"], False)
        for m in messages
    ]
    if name == "sharegpt":
        back = {openai: theirs for theirs, openai in ROLES.items()}
        if all(is_sharegpt for _, _, is_sharegpt in neutral):
            return {"conversations": messages}
        turned = [
            {"from": who if is_sharegpt else back.get(who, who), "value": what}
            for who, what, is_sharegpt in neutral
        ]
        return {"conversations": turned}
    turned = [
        {"role": ROLES.get(who, who) if is_sharegpt else who, "content": what}
        for who, what, is_sharegpt in neutral
    ]
    if name == "chatml":
        text = (f"<|im_start|>{m['role']}\n{inside(m['content'])}<|im_end|>\n" for m in turned)
        return {"text": "".join(text)}
    return {"messages": turned if any(is_sharegpt for _, _, is_sharegpt in neutral) else messages}


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS.keys())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=SAMPLES, cut=st.booleans(), seed=st.integers(0, 2**32))
def test_every_line_is_what_the_reference_says(
    tmp_path: Path, form: Format, samples: list[dict[str, Any]], cut: bool, seed: int
) -> None:
    version = make_version(tmp_path, *([[s] for s in samples] if cut else [samples]))
    random = np.random.default_rng(seed)
    order = random.permutation(len(samples)).astype(np.int64)
    weights = random.integers(0, 20_001, len(samples)).astype(np.uint16)
    lines = Renderer(version, form).lines(order, weights)
    text = bytes(lines.join(0, len(order)))
    assert len(text) == lines.sizes.sum()
    got = text.decode().split("\n")
    assert got.pop() == ""
    wanted = [
        expected(samples[i], form, int(w)) for i, w in zip(order.tolist(), weights.tolist(), strict=True)
    ]
    assert [json.loads(line) for line in got] == wanted
    assert [list(json.loads(line)) for line in got] == [list(line) for line in wanted]


def render_all(version: OpenVersion, form: Format) -> list[bytes]:
    rows = np.arange(version.num_samples)
    lines = Renderer(version, form).lines(rows, np.full(len(rows), 12_000, np.uint16))
    return bytes(lines.join(0, len(rows))).splitlines()


def test_values_come_out_exactly_as_they_went_in(tmp_path: Path) -> None:
    line = rb'{"q":1.0,"a":12345678901234567890,"s":"\u00e4\/","t":{ "b" : 1e3 ,"a":1.10}}'
    version = make_version(tmp_path, [line])
    form = Format(
        "instruction_tuning", {"instruction": parse_value("q"), "output": parse_value("a")}, ("s", "t")
    )
    assert render_all(version, form) == [
        rb'{"instruction":1.0,"output":12345678901234567890,"weight":1.2000,'
        rb'"metadata":{"s":"\u00e4\/","t":{ "b" : 1e3 ,"a":1.10}}}'
    ]
    assert render_all(version, Format("raw", weight=False)) == [line]
