"""The pages of links: made, revoked, and listed with each file."""

from django.test import Client

from exports.links import services as links
from exports.models import FileExport, Link
from tests.conftest import page
from tests.exports.files.test_pages import export, link
from tests.themis_admin.console.conftest import version

__all__ = ["export", "link", "version"]


def test_a_link_is_made_and_revoked(export: FileExport, alices: Client) -> None:
    path = f"/exports/{export.pk}/"
    assert alices.post(path, {"note": "x", "expires_in": "5", "max_downloads": "0"}).status_code == 422
    asked = {"note": "Bob's", "expires_in": "86400", "max_downloads": "3"}
    assert alices.post(path, asked).status_code == 302
    made = Link.objects.get()
    assert (made.note, made.max_downloads) == ("Bob's", 3)
    address = links.path_of(made)
    assert Client().get(address).status_code == 200
    assert "cannot be made to work again" in page(alices, f"/links/{made.pk}/revoke/")
    assert alices.post(f"/links/{made.pk}/revoke/").status_code == 302
    assert Client().get(address).status_code == 404
    assert "revoked" in page(alices, "/links/")
    assert alices.post(f"/links/{made.pk}/revoke/").status_code == 409


def test_the_listing_of_a_link_has_each_file(export: FileExport, link: Link) -> None:
    html = page(Client(), links.path_of(link))
    assert html.count(f'href="{links.path_of(link)}/') == export.refs().count() > 2
