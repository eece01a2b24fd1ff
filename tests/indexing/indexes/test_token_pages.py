"""Token indexes in the browser: made by the form, a sample as text and as tokens."""

import pytest
from django.test import Client

from indexing.models import Index, Tokenizer
from tests.conftest import page
from tests.themis_admin.console.conftest import theme, version
from tests.tokenizers import EOS
from themis_admin.datasets.models import Theme, Version
from themis_admin.jobs import runner

__all__ = ["theme", "version"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_the_form_makes_one_and_its_page_shows_text_and_tokens(
    alices: Client, version: Version, theme: Theme, known_tokenizer: Tokenizer
) -> None:
    address = f"/versions/{version.pk}/indexes/new/"
    assert "gesetze" in page(alices, f"{address}?kind=tokens")
    body = {
        "kind": "tokens",
        "tokenizer": known_tokenizer.pk,
        "text_field": "{law}: {text}",
        "sample_size": 16,
    }
    answer = alices.post(address, body)
    index = Index.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/indexes/{index.pk}/")
    assert index.job is not None
    runner.run(index.job.pk)
    html = page(alices, f"/indexes/{index.pk}/")
    shown = (
        "BImSchG: Die Err",
        "16 tokens",
        "TokensDataset",
        "{law}: {text}",
        "gesetze",
        EOS[2:-2],
        f"Theme {theme.name}",
    )
    for part in shown:
        assert part in html, part
    assert 'role="alert"' in page(alices, f"/indexes/{index.pk}/?n=999")
    assert page(alices, f"/indexes/{index.pk}/?n=-1")
