"""What people type: kept as it was meant, or refused with its place."""

from typing import Any

import pytest

from themis_admin.datasets import cleaning
from themis_admin.datasets.models import Version
from themisdb_datasets.errors import ImpossibleError, MalformedError


def refused(function: Any, value: Any, **options: Any) -> list[str]:
    with pytest.raises(MalformedError) as caught:
        function(value, **options)
    return list(caught.value.fields)


def test_names_that_look_alike_are_equal() -> None:
    assert cleaning.clean_name("  La\u0308rm ") == "Lärm" == cleaning.clean_name("L\u00e4rm")


@pytest.mark.parametrize(
    "name", ["", "  ", "a\nb", "a\u2028b", "a\x07", "a\x00", "\ud800", "x" * 201, 3, None]
)
def test_what_is_no_name_is_refused(name: Any) -> None:
    assert refused(cleaning.clean_name, name, field="title") == ["title"]


def test_of_a_path_the_file_name_is_kept_and_its_suffix_counts() -> None:
    assert cleaning.clean_filename(r"C:\corpora\gesetze.jsonl.gz") == "gesetze.jsonl.gz"
    assert cleaning.clean_filename("../../etc/a.parquet") == "a.parquet"
    long = cleaning.clean_filename("x" * 500 + ".jsonl")
    assert (len(long), long[-6:]) == (cleaning.MAX_NAME, ".jsonl")
    assert refused(cleaning.clean_filename, "folder/") == ["filename"]
    with pytest.raises(ImpossibleError):
        cleaning.clean_filename("letter.docx")


def test_a_mapping_has_known_keys_with_fields_or_templates() -> None:
    mapping = {"instruction_field": "question", "output_field": "{answer} ({source})"}
    assert cleaning.clean_mapping(mapping) == mapping
    assert refused(cleaning.clean_mapping, {"instruction": "q"}) == ["field_mapping.instruction"]
    assert refused(cleaning.clean_mapping, {"text_field": "{"}) == ["field_mapping.text_field"]
    assert refused(cleaning.clean_mapping, ["question"]) == ["field_mapping"]


def test_a_split_is_written_canonically() -> None:
    parts = [{"name": " train ", "fraction": 0.5}, {"name": "test", "fraction": 0.5}]
    assert cleaning.clean_split({"parts": parts}) == {
        "by": "", "seed": "", "parts": [{"name": "train", "fraction": 0.5}, {"name": "test", "fraction": 0.5}],
    }  # fmt: skip
    assert cleaning.clean_split(None) is None
    assert refused(cleaning.clean_split, {"seed": "\x00", "parts": parts}) == ["split.seed"]


def test_where_not_every_field_is_known_a_filter_may_name_any() -> None:
    few = Version(fields=[{"name": "law"}, {"name": "text"}])
    many = Version(fields=[{"name": f"f{n}"} for n in range(cleaning.COLUMN_FIELDS)])
    assert cleaning.known_fields(few) == ["law", "text"]
    assert cleaning.known_fields(many) is None
    assert cleaning.known_fields(None) is None
