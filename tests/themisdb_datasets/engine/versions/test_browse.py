"""Browsing a version: what a search and an order mean, over all shards."""

from pathlib import Path
from typing import Any

import pytest

from tests.versions import found, make_version
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.versions.browse import ORDERED_CHARS, Question, fill, open_positions
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import MalformedError

TEXTS = ["Straße (a+b)", "STRASSE \\d", 'Ärger "x"', "ärger\nund", "100 %", "a.b", "", "ÄRGER[0]*"]


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> OpenVersion:
    first = [{"n": n, "text": text} for n, text in enumerate(TEXTS)]
    second: list[dict[str, Any]] = [
        {"n": 2.5, "text": None, "tags": ["Ärger", "neu"], "meta": {"who": "Müller"}},
        {"text": "ohne Zahl"},
    ]
    return make_version(tmp_path_factory.mktemp("browse"), first, second)


@pytest.mark.parametrize("text", [text for text in TEXTS if text])
def test_a_search_is_for_the_text_itself_in_any_case(version: OpenVersion, text: str) -> None:
    for search in (text, text.upper(), text[1:4], text[:1]):
        wanted = [n for n, each in enumerate(TEXTS) if search.lower() in each.lower()]
        assert [n for n in found(version, Question(search=search)) if n < len(TEXTS)] == wanted, search


@pytest.mark.parametrize(
    ("search", "positions"),
    [("ärger", [2, 3, 7, 8]), ("müller", [8]), (".", [5]), ("(A+B)", [0]), ("\\D", [1]), ("\0", [])],
)
def test_a_search_looks_into_every_text_of_every_shard(
    version: OpenVersion, search: str, positions: list[int]
) -> None:
    assert found(version, Question(search=search)) == positions


def test_numbers_are_ordered_as_numbers_and_who_has_none_comes_last(version: OpenVersion) -> None:
    assert found(version, Question(order_by="n")) == [0, 1, 2, 8, 3, 4, 5, 6, 7, 9]
    assert found(version, Question(order_by="n", descending=True)) == [7, 6, 5, 4, 3, 8, 2, 1, 0, 9]


@pytest.mark.parametrize("values", [[10, 9, None], [10, 2**60, 9.5, None]])
def test_numbers_are_ordered_as_numbers_also_beside_shards_that_have_none_or_hold_them_as_text(
    tmp_path: Path, values: list[Any]
) -> None:
    version = make_version(tmp_path, [{"n": n} for n in values], [{"n": None}], [{"t": 1}], [{"n": 2}])
    last = len(values) + 2
    wanted = sorted((n for n, value in enumerate(values) if value is not None), key=lambda n: values[n])
    assert found(version, Question(order_by="n")) == [last, *wanted, len(values) - 1, last - 2, last - 1]


def test_a_filter_a_search_and_an_order_go_together(version: OpenVersion) -> None:
    where = parse_filter({"field": "n", "op": "gt", "value": 2})
    assert found(version, Question(where, "ÄRGER", "n", True)) == [7, 3, 8]


def test_texts_that_begin_alike_for_long_stay_in_stored_order(tmp_path: Path) -> None:
    alike = "x" * ORDERED_CHARS
    version = make_version(tmp_path, [{"t": alike + "b"}, {"t": alike + "a"}, {"t": alike[1:] + "a"}])
    assert found(version, Question(order_by="t")) == [2, 0, 1]


def test_an_order_by_an_unknown_field_names_the_nearest(version: OpenVersion, tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="did you mean 'text'"):
        fill(tmp_path, version, Question(order_by="texts"))


def test_questions_with_different_answers_have_different_keys() -> None:
    where = parse_filter({"field": "n", "op": "eq", "value": 1})
    asked = [
        Question(where),
        Question(search="a"),
        Question(search="A"),
        Question(order_by="a"),
        Question(order_by="a", descending=True),
    ]
    assert len({question.key(digest) for question in asked for digest in ("0", "1")}) == 10
    assert Question(where).key("0") == Question(parse_filter(where.to_document())).key("0")


def test_what_was_found_is_read_a_page_at_a_time(version: OpenVersion, tmp_path: Path) -> None:
    fill(tmp_path, version, Question(search="gibt es nicht"))
    assert len(open_positions(tmp_path)) == 0
