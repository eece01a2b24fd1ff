"""Errors have pages of their own."""

from django.test import Client

from themis_admin.accounts.models import User


def test_unknown_addresses_have_a_page_of_their_own(alices: Client) -> None:
    response = alices.get("/nothing/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()
    assert Client().get("/nothing/").status_code == 404


def test_a_form_without_its_token_is_refused_with_a_page(alice: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    response = browser.post("/datasets/new/", {"name": "Forged"})
    assert response.status_code == 403
    assert "Load the page again" in response.content.decode()
