"""Errors, which go from a worker to the process that waits for it."""

import ast
import copy
import inspect
import pickle
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from themisdb_datasets import errors
from themisdb_datasets.errors import LimitError, MalformedError, ThemisError

ROOT = Path(errors.__file__).parents[1]
KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ThemisError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_pickled_whole(kind: type[ThemisError]) -> None:
    error = kind("It is so.", code="so")
    error.fields["name"] = "taken"
    if isinstance(error, LimitError):
        error.retry_after = 7
    for same in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(same) is kind
        assert str(same) == "It is so."
        assert vars(same) == vars(error)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_stands_at_a_field_and_keeps_its_sentence_and_values(kind: type[ThemisError]) -> None:
    error = kind.at(
        "law", "{law!r} has {count:,} lines{hint}.", code="long", law="BImSchG", count=2_000, hint=""
    )
    assert error.message == str(error) == "'BImSchG' has 2,000 lines."
    assert (error.code, error.fields) == ("long", {"law": error.message})
    assert error.sentence == "{law!r} has {count:,} lines{hint}."
    assert error.values == {"law": "BImSchG", "count": 2_000, "hint": ""}
    for same in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(same) is kind
        assert str(same) == error.message
        assert vars(same) == vars(error)
    assert kind.at("law", "It is so.").code == kind.code


def test_braces_in_a_value_and_in_a_sentence_without_values_stay_what_they_are() -> None:
    error = MalformedError.at("filter", "{given} is none; {{}} is.", given="{0} {law.__class__} {")
    assert error.message == "{0} {law.__class__} { is none; {} is."
    assert MalformedError.at("split", 'Such as {"by": "law"}.').message == 'Such as {"by": "law"}.'


def test_an_error_with_its_whole_message_has_that_for_a_sentence() -> None:
    error = MalformedError("The line {0} is none.", fields={"line": "none"})
    assert (error.sentence, error.values, error.fields) == (str(error), {}, {"line": "none"})


def test_every_sentence_is_a_constant_whose_places_are_the_values_given() -> None:
    sentences = [call for path in production_files() for call in calls_of_at(ast.parse(path.read_text()))]
    assert len(sentences) > 150
    for call in sentences:
        sentence, given = call.args[1], {word.arg for word in call.keywords} - {"code"}
        if ast.unparse(sentence) == "error.sentence":  # the same error, said of another place
            continue
        assert isinstance(sentence, ast.Constant), ast.unparse(call)
        assert isinstance(sentence.value, str), ast.unparse(call)
        places = {name for _, name, _, _ in Formatter().parse(sentence.value) if name} if given else set()
        assert places == given, ast.unparse(call)


def production_files() -> Iterator[Path]:
    for package in ("themisdb_datasets", "themis_admin", "indexing", "exports"):
        yield from (ROOT / package).rglob("*.py")


def calls_of_at(tree: ast.Module) -> Iterator[ast.Call]:
    """The calls of `SomeError.at` in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error.at"):
            yield node
