"""Expressions: what they mean on every shard, and that nothing but an expression over the fields gets through."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.versions import make_version
from themisdb_datasets.engine.query.duck import connect
from themisdb_datasets.engine.query.expressions import FUNCTIONS, MAX_TEXT, parse_expression
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.query.sql import ShardQuery
from themisdb_datasets.engine.selections.selection import count
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import MalformedError

SAMPLES: list[list[dict[str, Any]]] = [
    [{"n": 1, "law": "BImSchG", "created": "2020-03-01", "ok": True, "meta": {"slug": "a", "deep": {"x": 7}}},
     {"n": 2, "law": "TA Lärm", "created": "1999-12-31T23:30:00-01:00", "ok": False}],
    # The same fields, held otherwise: numbers as text among texts, and some not at all.
    [{"n": "3", "law": 17, "ok": "ja"}, {"n": "drei", "law": None}, {"n": 2.5, "law": "x'--", "created": 946684800}],
]  # fmt: skip


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> OpenVersion:
    return make_version(tmp_path_factory.mktemp("expressions"), *SAMPLES)


def values(version: OpenVersion, text: str, want: Any) -> list[Any]:
    found = []
    expression = parse_expression(text)
    with connect(version.folders) as connection:
        for shard in version.parts:
            query = ShardQuery(shard)
            statement = f"SELECT {expression.sql(query, want)} FROM {query.source()} ORDER BY file_row_number"
            found += [row[0] for row in connection.execute(statement, query.arguments(statement)).fetchall()]
    return found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("n", [1, 2, 3, None, 2.5]),
        ("n * 2 + 1", [3, 5, 7, None, 6]),
        ("-n / 4", [-0.25, -0.5, -0.75, None, -0.625]),
        ("case when n > 1.5 then 10 else n end", [1, 10, 10, None, 10]),
        ("coalesce(n, 9)", [1, 2, 3, 9, 2.5]),
        ("if(created is null, 0, 1)", [1, 1, 0, 0, 1]),
        ("length(law)", [7, 7, 2, None, 4]),
        ("greatest(n, 2, 1)", [2, 2, 3, 2, 2.5]),
        ("round(n / 3, 2)", [0.33, 0.67, 1, None, 0.83]),
        ("pow(n, 2)", [1, 4, 9, None, 6.25]),
        ("ln(n - 1) + sqrt(-n)", [None] * 5),
        ("coalesce(log10(-n), sqrt(-n), n)", [1, 2, 3, None, 2.5]),
        ("sqrt(n * n) + ln(exp(n)) - n", [pytest.approx(n) if n else None for n in (1, 2, 3, None, 2.5)]),
        ("meta.deep.x", [7, None, None, None, None]),
        ("year(created)", [2020, 2000, None, None, 2000]),
        ("epoch(created)", [1583020800, 946686600, None, None, 946684800]),
        ("n::integer", [1, 2, 3, None, 2.5]),
        ("ok", [None, None, None, None, None]),
        ("cast(ok as boolean)", [1, 0, None, None, None]),
        ("12345678901234567890123 / 1e22", [pytest.approx(1.2345678901234567)] * 5),
    ],
)
def test_numbers(version: OpenVersion, text: str, wanted: list[Any]) -> None:
    assert values(version, text, "number") == wanted


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("n > 1", [1, 2, 4]),
        ("n = '3'", [2]),
        ("n in (1, 3)", [0, 2]),
        ("n not between 2 and 3", [0]),
        ("law like 'B%' or law ilike 'ta l_rm'", [0, 1]),
        ("law = 17", [2]),
        ("not (law = 'BImSchG')", [1, 2, 4]),
        ("law is null", [3]),
        ("\"law\" = 'x''--'", [4]),
        ("contains(lower(law), 'lärm') and ok = false", [1]),
        ("regexp_matches(law, '^[A-Z]{2} ')", [1]),
        ("meta.slug = 'a'", [0]),
        ("ok", [0]),
        ("ok = true or ok = 'ja'", [0, 2]),
        ("year(created) = 2000", [1, 4]),
        ("lower(law) || '!' = 'bimschg!'", [0]),
        ("true", [0, 1, 2, 3, 4]),
        ("null", []),
        ("none = 1", []),
        ("n > null", []),
    ],
)  # fmt: skip
def test_truths(version: OpenVersion, text: str, kept: list[int]) -> None:
    truths = values(version, text, "boolean")
    assert [place for place, truth in enumerate(truths) if truth] == kept
    assert count(version, [parse_filter({"expression": text})]) == [len(kept)]
    assert count(version, [parse_filter({"not": {"expression": text}})]) == [5 - len(kept)]


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "1, 2", "1 as x", "*", "count(*)", "sum(n)", "n over ()", "row_number() over ()", "(select 1)",
        "exists(select 1)", "n = any([1])", "n from read_csv('/etc/passwd')", "1; select 2", "1 where true", "1 limit 1",
        "1 union select 2", "read_text('/etc/passwd')", "getenv('HOME')", "current_setting('threads')", "version()",
        "pg_sleep(1)", "random()", "now()", "nextval('x')", "repeat('x', 1000000000)", "lpad('x', 1000000000, 'x')",
        "range(1000000000)", "list_sum([n])", "[1, 2]", "{'a': 1}", "law[1]", "law[1:2]", "x -> x + 1", "[x for x in law]",
        "$1", "?", "replace(law, '', law)", "string_agg(law)", "n::json", "law::date", "date '2020-01-01'",
        "interval 1 day", "law collate nocase", "n is distinct from 1", "system.main.abs(n)", "abs(n, n)",
        "abs()", "round(n, n)", "round(n, 400)", "regexp_matches(law, law)", "epoch(n + 1)", "abs(distinct n)",
        "abs(n) filter (where true)", "unnest([1])", "columns('n')", "try(1)", "error('x')", "law like 'a' escape 'b'",
        "(" * 600 + "n" + ")" * 600 + "(", "-" * 3000 + "n", "not " * 900 + "true", "n" + " + n" * 900, "'", '"', "/*",
        "n -- ", "x" * (MAX_TEXT + 1), "\x00", "n = '\x00", "not " * 450 + "true", "abs(" * 300 + "n" + ")" * 300,
        "law = '\ud800'", '"\udfff" = 1', "n > 1e999", "law like law", "law ilike n", "regexp_matches(law, '(')",
        "regexp_matches(law, '(a{1000}){1000}')", "length(" + " || ".join(["law"] * 6) + ")",
        " or ".join(f"lower(law) = '{n}'" for n in range(11)),
    ],
)  # fmt: skip
def test_what_is_no_plain_expression_is_refused(text: str) -> None:
    if text == "n -- ":  # a comment is not run, and what is left of it is a field
        assert parse_expression(text).fields == ("n",)
        return
    with pytest.raises(MalformedError) as caught:
        parse_expression(text, place="where.expression")
    assert list(caught.value.fields) == ["where.expression"]
    assert "\n" not in caught.value.message


def test_names_are_checked_with_the_nearest() -> None:
    fields = ["law", "meta", "n"]
    assert parse_expression("n + length(law) > meta.slug.x", fields=fields).fields == (
        "n",
        "law",
        "meta.slug.x",
    )
    with pytest.raises(MalformedError, match=r"'lax'.*did you mean 'law'"):
        parse_expression("lax = 'x'", fields=fields)
    with pytest.raises(MalformedError, match=r"'lenght'.*did you mean 'length'"):
        parse_expression("lenght(law) > 3", fields=fields)


def test_no_short_expression_takes_long(tmp_path: Path) -> None:
    """What grew with a power of the text, or with two to the power of the depth, ends at once."""
    version = make_version(tmp_path, [{"n": 1e6, "law": "a" * 2000} for _ in range(100)])
    roots = "sqrt(" * 8 + "n" + ")" * 8
    between = "(" * 7 + "n" + " between 0 and 1)" * 7
    for text in (
        f"law like '%{'a_%' * 40}b'",
        f"law ilike '%{'A_%' * 40}b'",
        f"{roots} > 1.1",
        f"not {between}",
    ):
        started = time.monotonic()
        assert count(version, [parse_filter({"expression": text})]) == [0]
        assert time.monotonic() - started < 10
    for text in (
        f"sqrt(ln({roots}))",
        "(" * 20 + "n" + " between 0 and 1)" * 20,
        "sqrt(" * 99 + "n" + ")" * 99,
    ):
        with pytest.raises(MalformedError):
            parse_expression(text)


def test_the_expressions_of_a_filter_share_what_they_may_make() -> None:
    one = {"expression": "lower(law) || upper(law) = 'x'"}  # two texts, and one as long as both
    parse_filter({"all": [one, one]})
    with pytest.raises(MalformedError) as caught:
        parse_filter({"all": [one, {"not": {"any": [one, one]}}]})
    assert list(caught.value.fields) == ["where.all[1].not.any[1].expression"]


CALLS = [(name, len(arguments)) for name, (arguments, _, _) in FUNCTIONS.items() if name.isidentifier()]
LEAVES = st.sampled_from(
    [
        "n",
        "law",
        "ok",
        "created",
        "meta.slug",
        "none",
        "1",
        "-2.5",
        "1e308",
        "'B%'",
        "''",
        "true",
        "null",
        "0",
    ]
)


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(LEAVES)
    part = expressions(depth - 1)
    kind = draw(
        st.sampled_from(
            ["call", "sign", "case", "between", "in", "not", "null", "coalesce", "cast", "round", "like"]
        )
    )
    a, b, c = draw(part), draw(part), draw(part)
    if kind == "call":
        name, arity = draw(st.sampled_from(CALLS))
        return f"{name}({', '.join([a, b][:arity])})"
    return {
        "sign": f"({a} {draw(st.sampled_from(['+', '-', '*', '/', '%', '=', '<', '>=', 'and', 'or', '||']))} {b})",
        "case": f"case when {a} then {b} else {c} end",
        "between": f"({a} between {b} and {c})",
        "in": f"({a} not in ({b}, {c}))",
        "not": f"(not {a})",
        "null": f"({a} is not null)",
        "coalesce": f"coalesce({a}, {b})",
        "like": f"({a} {draw(st.sampled_from(['like', 'not ilike']))} '%b_')",
        "cast": f"try_cast({a} as {draw(st.sampled_from(['double', 'varchar', 'boolean', 'integer']))})",
        "round": f"round({a}, 2)",
    }[kind]


@settings(max_examples=150, deadline=None)
@given(text=expressions(), want=st.sampled_from(["number", "text", "boolean"]))
def test_no_expression_fails_on_any_shard(version: OpenVersion, text: str, want: Any) -> None:
    try:
        parse_expression(text)
    except MalformedError:
        return  # too long
    assert len(values(version, text, want)) == 5


def test_an_expression_in_a_filter_is_written_as_it_was(tmp_path: Path) -> None:
    document = {"all": [{"expression": "n > 1 and law like 'B%'"}, {"not": {"expression": "ok"}}]}
    assert parse_filter(json.loads(json.dumps(document))).to_document() == document
    with pytest.raises(MalformedError) as caught:
        parse_filter({"all": [{"expression": "lawx = 'a'"}]}, fields=["law"])
    assert list(caught.value.fields) == ["where.all[0].expression"]
