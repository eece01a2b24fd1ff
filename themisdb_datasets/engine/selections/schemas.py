"""JSON Schemas that people send: compiled so that checking a value fetches nothing and takes bounded time."""

from functools import lru_cache
from typing import Any

import jsonschema_rs
import msgspec

MAX_BYTES = 256 << 10
# How many subschemas a check may come to, references followed: a few that refer to each other twice would double the
# work with every step.
MAX_STEPS = 10_000
PATTERN_BYTES = 10 << 20  # the most that one regular expression may compile to
ELSEWHERE = ("$id", "id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$recursiveAnchor")
VALUES = ("const", "enum", "default", "examples")  # what stands there is no schema
NAMED = ("properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions")


@lru_cache(maxsize=32)
def compiled(schema: str) -> Any:
    """A validator for the schema; ValueError says why there is none."""
    if len(schema) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES >> 10} KiB")
    document = msgspec.json.decode(schema)
    try:
        _Walk(document).expand(document, ("#",))
        # Patterns are matched in linear time.
        options = jsonschema_rs.RegexOptions(size_limit=PATTERN_BYTES, dfa_size_limit=PATTERN_BYTES)
        return jsonschema_rs.validator_for(document, retriever=_refuse, pattern_options=options)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse(uri: str) -> Any:
    raise ValueError(f"it refers to {uri}; a schema may refer to its own parts only")


class _Walk:
    """Goes through a schema as a check does, and gives up where a check would not end in time."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self.steps = 0
        self.returns: dict[str, int] = {}

    def expand(self, node: Any, within: tuple[str, ...], *, named: bool = False) -> None:
        """Count `node` and all below it; `within` are the references that are being followed.

        A `named` node is no schema but holds some under names of its own, which may be those of keywords.
        """
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise ValueError(f"a check of it comes to more than {MAX_STEPS:,} steps")
        children = (
            enumerate(node) if isinstance(node, list) else node.items() if isinstance(node, dict) else ()
        )
        for name, child in children:
            if isinstance(child, dict | list) and (named or name not in VALUES):
                self.expand(child, within, named=not named and name in NAMED)
        if named or not isinstance(node, dict):
            return
        for name in ELSEWHERE:
            if isinstance(node.get(name), str):
                raise ValueError(f"it has {name}; refer to parts by $ref and a path such as #/$defs/name")
        if isinstance(reference := node.get("$ref"), str):
            self._follow(reference, within)

    def _follow(self, reference: str, within: tuple[str, ...]) -> None:
        if not reference.startswith("#"):
            _refuse(reference)
        if reference not in within:
            self.returns[reference] = 0
            self.expand(self._target(reference), (*within, reference))
            return
        # A reference to what is being followed goes round once for each level of the value, as in a tree;
        # with two of them a check doubles with each level.
        self.returns[reference] = self.returns.get(reference, 0) + 1
        if self.returns[reference] > 1:
            raise ValueError(f"{reference} comes back to itself in more than one place")

    def _target(self, reference: str) -> Any:
        node = self.document
        for part in reference[1:].split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            try:
                node = node[int(name)] if isinstance(node, list) else node[name]
            except (KeyError, ValueError, IndexError, TypeError):
                raise ValueError(f"it refers to {reference}, which it does not have") from None
        return node
