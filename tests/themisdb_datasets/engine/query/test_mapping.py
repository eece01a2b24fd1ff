"""Mapped values: a nested member by its dotted name."""

from pathlib import Path

from tests.themisdb_datasets.engine.rendering.test_render import render_all
from tests.versions import make_version
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.rendering.formats import Format


def test_a_nested_member_is_mapped_by_its_dotted_name(tmp_path: Path) -> None:
    version = make_version(tmp_path, [{"meta": {"slug": "a", "n": 1}, "x": "y"}, {"meta": 3, "x": "z"}])
    form = Format("text_completion", {"text": parse_value("{x}-{meta.slug}")}, ("meta.n",), weight=False)
    assert render_all(version, form) == [
        b'{"text":"y-a","metadata":{"meta.n":1}}',
        b'{"text":"z-","metadata":{}}',
    ]
