"""What the tests of rendering share."""

from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.rendering.formats import Format

FIELDS = ["question", "context", "answer", "source", "tags", "law"]
ALPACA = ("instruction", "input", "output")
TURNS = {"system": parse_value("law"), "user": parse_value("question"), "assistant": parse_value("answer")}
FORMATS = {
    "instruction": Format(
        "instruction_tuning",
        {
            role: parse_value(name)
            for role, name in zip(("instruction", "input", "output"), FIELDS, strict=False)
        },
        ("source", "tags"),
    ),
    "templates": Format(
        "instruction_tuning",
        {
            "instruction": parse_value('Was "regelt" {question} {law}? {{\\}}'),
            "input": parse_value("{context}{law}"),
            "output": parse_value("{answer}"),
        },
        ("tags", "source", "law"),
        weight=False,
    ),
    "chat": Format(
        "chat_completion",
        {
            "system": parse_value("context"),
            "user": parse_value("{question} – {tags}"),
            "assistant": parse_value("answer"),
        },
        ("law",),
    ),
    "messages": Format("chat_completion", {"messages": parse_value("tags")}),
    "text": Format("text_completion", {"text": parse_value("answer")}),
    "preference": Format(
        "preference",
        {
            "prompt": parse_value("{law}:"),
            "chosen": parse_value("answer"),
            "rejected": parse_value("context"),
        },
    ),
    "alpaca": Format(
        "alpaca", {"instruction": parse_value("question"), "output": parse_value("answer")}, (), False
    ),
    "alpaca with input": Format(
        "alpaca", {role: parse_value(name) for role, name in zip(ALPACA, FIELDS, strict=False)}, ("law",)
    ),
}
for name in ("chat_completion", "openai", "sharegpt", "chatml"):
    FORMATS[f"{name} of fields"] = Format(name, TURNS, (), name == "chatml")
    FORMATS[f"{name} with input"] = Format(name, {**TURNS, "input": parse_value("{context}{tags}")})
    FORMATS[f"{name} of messages"] = Format(name, {"messages": parse_value("tags")}, ("law",), weight=False)
