"""Bodies of requests: what they do not know is an error that names the nearest."""

from typing import Any

import pytest
from rest_framework import serializers

from themis_admin.web.bodies import Body, IdOrName, PageQuery


class Order(Body):
    name = serializers.CharField()
    of = IdOrName(required=False)


def errors(body: serializers.Serializer[Any]) -> dict[str, Any]:
    assert not body.is_valid()
    return dict(body.errors)


def test_an_unknown_field_is_told_with_the_nearest() -> None:
    assert errors(Order(data={"nmae": "x"})) == {"nmae": ["There is no field 'nmae'; did you mean 'name'."]}
    known = Order(data={"name": "x"})
    assert known.is_valid()
    assert known.validated_data == {"name": "x"}
    assert "non_field_errors" in errors(Order(data=["name"]))


@pytest.mark.parametrize(("given", "read"), [(3, 3), (" Lärm ", "Lärm"), ("3", "3"), ("x" * 200, "x" * 200)])
def test_an_id_is_a_number_and_a_name_a_text(given: Any, read: Any) -> None:
    body = Order(data={"name": "x", "of": given})
    assert body.is_valid(), body.errors
    assert body.validated_data["of"] == read


@pytest.mark.parametrize("given", [0, -1, True, 1.0, "", "  ", "x" * 201, [], {}, 2**62])
def test_what_is_neither_is_refused(given: Any) -> None:
    assert list(errors(Order(data={"name": "x", "of": given}))) == ["of"]


def test_a_page_has_at_most_a_hundred() -> None:
    page = PageQuery(data={})
    assert page.is_valid()
    assert page.validated_data == {"offset": 0, "length": 100}
    for query in ({"length": "101"}, {"length": "0"}, {"offset": "-1"}, {"offset": "x"}):
        assert list(errors(PageQuery(data=query))) == list(query)
