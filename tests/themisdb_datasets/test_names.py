"""Names that somebody may have meant."""

import pytest

from themisdb_datasets.errors import MalformedError
from themisdb_datasets.names import check_names, nearest


def test_the_nearest_is_named_and_nothing_where_none_is_near() -> None:
    assert nearest("lwa", ["text", "law", "section"]) == "; did you mean 'law'"
    assert nearest("zzz", ["text", "law"]) == ""
    assert nearest("law", []) == ""


def test_the_first_name_that_is_not_known_is_refused() -> None:
    check_names(["a", "b"], ["b", "a", "c"], what="field")
    with pytest.raises(MalformedError, match="There is no option 'sed'; did you mean 'seed'") as caught:
        check_names(["order", "sed", "nonsense"], ["order", "seed"], what="option")
    assert list(caught.value.fields) == ["sed"]
