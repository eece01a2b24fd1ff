"""The console's first pages, where there is no data, and for whom."""

from django.test import Client

from tests.conftest import page
from themis_admin.datasets.models import Theme


def test_lists_show_ones_own_things_only(theme: Theme, alices: Client, bobs: Client) -> None:
    for path in ("/", "/datasets/", "/themes/", "/jobs/", "/stream/", "/palette/?q=g"):
        assert "Gesetze" in page(alices, path), path
        assert "Gesetze" not in page(bobs, path), path


def test_pages_without_data_say_what_to_do_next(bobs: Client) -> None:
    for path in ("/", "/datasets/", "/themes/", "/stream/"):
        assert "/datasets/new/" in page(bobs, path), path
    assert "No job yet" in page(bobs, "/jobs/")
    assert "No token yet" in page(bobs, "/tokens/")
