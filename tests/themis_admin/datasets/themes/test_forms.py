"""The form of a theme: errors stand under what they are about."""

from django.test import Client

from tests.themis_admin.console.conftest import version
from themis_admin.datasets.models import Version

__all__ = ["version"]


def test_errors_stand_under_what_they_are_about(alices: Client, version: Version) -> None:
    path = f"/datasets/{version.dataset_id}/themes/new/"
    for where in ("{", "{}", '{"field": "lwa", "op": "eq", "value": 1}'):
        response = alices.post(path, {"name": "x", "where": where})
        assert response.status_code == 422
        assert list(response.context["form"].errors) == ["where"], where
    assert "did you mean" in response.content.decode()
