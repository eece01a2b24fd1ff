"""The form of a rule: errors stand under what they are about."""

import json

from django.test import Client

from tests.themis_admin.console.conftest import version
from tests.themis_admin.datasets.rules.conftest import MAP
from themis_admin.datasets.models import Version
from themis_admin.datasets.rules import pages
from themis_admin.templatetags.corpus import factor_words
from themisdb_datasets.engine.weights.rules import KINDS

__all__ = ["version"]


def test_errors_stand_under_what_they_are_about(alices: Client, version: Version) -> None:
    path = f"/datasets/{version.dataset_id}/rules/new/"
    for definition in ("{", "{}", '{"kind": "value", "field": "lwa"}'):
        response = alices.post(path, {"name": "x", "definition": definition})
        assert response.status_code == 422
        assert list(response.context["form"].errors) == ["definition"], definition
    assert "did you mean" in response.content.decode()
    reserved = alices.post(path, {"name": "length", "definition": json.dumps(MAP)})
    assert list(reserved.context["form"].errors) == ["name"]


def test_every_kind_of_rule_has_its_words() -> None:
    assert list(pages.KINDS) == list(KINDS)
    for kind in KINDS:
        assert factor_words({"kind": kind}) is not None
