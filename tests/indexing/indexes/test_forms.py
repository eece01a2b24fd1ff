"""The form of an index: what is wrong stands under its field."""

import pytest
from django.test import Client

from indexing.models import Index, Tokenizer
from tests.conftest import page
from tests.themis_admin.console.conftest import version
from themis_admin.datasets.models import Version

__all__ = ["version"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_wrong_stands_under_its_field(
    alices: Client, version: Version, known_tokenizer: Tokenizer
) -> None:
    address = f"/versions/{version.pk}/indexes/new/"
    good = {"kind": "tokens", "tokenizer": known_tokenizer.pk, "text_field": "text", "sample_size": 16}
    for wrong, sentence in (
        ({"tokenizer": ""}, "Choose a tokenizer."),
        ({"text_field": "txt"}, "did you mean"),
        ({"eos_token": "<|nothing|>"}, "has no token"),
        ({"sample_size": "0"}, "greater than or equal to 1"),
    ):
        answer = alices.post(address, {**good, **wrong})
        html = answer.content.decode()
        assert answer.status_code == 422 and sentence in html and '<details class="th-more" open>' in html
    assert not Index.objects.exists()


def test_without_a_tokenizer_the_form_says_what_to_do_first(alices: Client, version: Version) -> None:
    assert "Upload one first" in page(alices, f"/versions/{version.pk}/indexes/new/")
