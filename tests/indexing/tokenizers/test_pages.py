"""Tokenizers in the browser: what to do first, upload, what is wrong with a file, deleting."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from indexing.models import Tokenizer
from tests.conftest import page
from tests.tokenizers import EOS, byte_level

pytestmark = pytest.mark.django_db


def test_a_tokenizer_is_uploaded_shown_and_deleted(alices: Client, bobs: Client) -> None:
    assert "No tokenizer yet" in page(alices, "/tokenizers/")
    file = SimpleUploadedFile("gesetze.json", byte_level().library.to_str().encode())
    assert alices.post("/tokenizers/", {"file": file, "name": ""}).status_code == 302
    shown = page(alices, "/tokenizers/")
    row = Tokenizer.objects.get()
    for text in (
        "gesetze",
        "uint16",
        f"{row.vocabulary_size}",
        EOS.replace("<", "&lt;").replace(">", "&gt;"),
    ):
        assert text in shown
    assert "gesetze" not in page(bobs, "/tokenizers/")
    assert "The tokenizer gesetze was uploaded" in page(alices, "/")
    path = f"/tokenizers/{row.pk}/delete/"
    assert bobs.get(path).status_code == 404
    assert "keep its file" in page(alices, path)
    assert Tokenizer.objects.exists()
    assert alices.post(path).status_code == 302
    assert not Tokenizer.objects.exists()


def test_a_file_that_is_none_says_why(alices: Client) -> None:
    response = alices.post("/tokenizers/", {"file": SimpleUploadedFile("x.json", b"{}")})
    assert response.status_code == 422 and "Model missing" in response.content.decode()
    assert alices.post("/tokenizers/", {}).status_code == 422
