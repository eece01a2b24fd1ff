"""A link ends with its export."""

from rest_framework.test import APIClient

from exports.models import FileExport
from tests.exports.conftest import client_answer, get, path_of
from tests.exports.links.conftest import export
from tests.exports.links.test_api import URL, linked

__all__ = ["export"]


def test_a_link_ends_with_its_export(as_alice: APIClient, export: FileExport) -> None:
    link = linked(as_alice, export=export.pk)
    as_alice.delete(f"/api/v1/exports/{export.pk}/?break_links=true")
    assert get(path_of(link)).status_code == 404
    assert client_answer(as_alice, f"{URL}{link['id']}/")["state"] == "removed"
