"""LIKE patterns as regular expressions."""

from hypothesis import given, settings
from hypothesis import strategies as st

from themisdb_datasets.engine.query.duck import connect
from themisdb_datasets.engine.query.patterns import like_to_regex


@settings(max_examples=300, deadline=None)
@given(text=st.text("ab%_\\.*$\n(ä", max_size=8), pattern=st.text("ab%_\\.*$\n(ä", max_size=6))
def test_a_like_pattern_finds_what_like_finds(text: str, pattern: str) -> None:
    with connect([]) as connection:
        found = connection.execute(
            "SELECT $text LIKE $pattern, regexp_matches($text, $regex, 's')",
            {"text": text, "pattern": pattern, "regex": like_to_regex(pattern)},
        ).fetchone()
    assert found is not None and found[0] == found[1]
