"""The form of a dataset: errors stand under their field."""

from django.test import Client

from themis_admin.datasets.models import Dataset


def test_a_taken_name_is_an_error_under_the_name(alices: Client, dataset: Dataset) -> None:
    response = alices.post("/datasets/new/", {"name": "gesetze"})
    assert response.status_code == 422
    assert "name" in response.context["form"].errors
    assert "There is already a dataset named" in response.content.decode()


def test_a_template_with_a_loose_brace_is_an_error_under_its_field(alices: Client, dataset: Dataset) -> None:
    response = alices.post(f"/datasets/{dataset.pk}/edit/", {"name": "Gesetze", "text_field": "{law"})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["text_field"]
