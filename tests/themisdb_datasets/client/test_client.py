"""The client: lists are read page by page."""

from themisdb_datasets import Client


def test_lists_are_read_page_by_page(client: Client) -> None:
    themes = list(client.pages("themes/", page_size=1))
    assert len(themes) > 1
    assert [theme["id"] for theme in themes] == [theme["id"] for theme in client.pages("themes/")]
