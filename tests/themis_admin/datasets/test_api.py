"""REST: datasets."""

from errno import ENOENT, ENOSPC

import pytest
from django.db import OperationalError
from rest_framework.test import APIClient

from tests.conftest import client_of
from tests.themis_admin.datasets.conftest import URL
from themis_admin.accounts.models import AuditEntry, User
from themis_admin.datasets.models import Dataset, Version
from themis_admin.web.api import handle_error

pytestmark = pytest.mark.django_db


def test_a_dataset_is_created_and_found_again(as_alice: APIClient) -> None:
    body = {
        "name": "Bundesrecht",
        "key_field": "id",
        "field_mapping": {"instruction_field": "Was regelt {section}?"},
    }
    made = as_alice.post(URL, body, format="json")
    assert made.status_code == 201, made.content
    found = as_alice.get(made.json()["url"]).json()
    assert found == made.json()
    assert (found["name"], found["created_by"], found["latest"]) == ("Bundesrecht", "alice", None)
    assert AuditEntry.objects.filter(action="dataset.created", object=found["url"]).count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": 7 * [1]}, "name"),
        ({"name": "a", "desciption": "b"}, "desciption"),
        ({"name": "a", "field_mapping": {"instrucion_field": "q"}}, "field_mapping.instrucion_field"),
        ({"name": "a", "field_mapping": {"input_field": "{"}}, "field_mapping.input_field"),
        ({"name": "a", "field_mapping": []}, "field_mapping"),
    ],
)
def test_a_bad_body_is_refused_with_the_field(as_alice: APIClient, body: object, field: str) -> None:
    answer = as_alice.post(URL, body, format="json")
    assert (answer.status_code, answer.json()["status"]) == (400, "error")
    assert field in answer.json()["fields"], answer.json()
    assert not Dataset.objects.exists()


def test_an_unknown_field_is_answered_with_the_nearest_known_one(as_alice: APIClient) -> None:
    answer = as_alice.post(URL, {"name": "a", "key_feild": "id"}, format="json")
    assert "key_field" in answer.json()["fields"]["key_feild"]


@pytest.mark.parametrize("body", ["[]", '"x"', "3", "null", "{", '{"name": NaN}', "[" * 100_000])
def test_a_body_that_is_no_object_is_refused(as_alice: APIClient, body: str) -> None:
    answer = as_alice.post(URL, body, content_type="application/json")
    assert (answer.status_code, answer.json()["status"]) == (400, "error")


def test_the_list_has_only_ones_own_and_filters_by_name(
    as_alice: APIClient, as_bob: APIClient, alice: User
) -> None:
    for name in ("Recht B", "Recht A", "Anderes"):
        as_alice.post(URL, {"name": name}, format="json")
    as_bob.post(URL, {"name": "Bobs Recht"}, format="json")
    names = [each["name"] for each in as_alice.get(URL).json()["results"]]
    assert names == ["Anderes", "Recht A", "Recht B"]
    found = as_alice.get(URL, {"name": "recht", "ordering": "-name"}).json()
    assert [each["name"] for each in found["results"]] == ["Recht B", "Recht A"]
    assert as_alice.get(URL, {"ordering": "nmae"}).status_code == 400


def test_the_list_goes_on_by_cursor_without_repeating(as_alice: APIClient, alice: User) -> None:
    Dataset.objects.bulk_create(Dataset(owner=alice, name=f"d{n:03d}") for n in range(205))
    names, url = [], URL
    while url:
        page = as_alice.get(url).json()
        names += [each["name"] for each in page["results"]]
        url = page["next"]
    assert names == [f"d{n:03d}" for n in range(205)]


def test_a_list_takes_the_same_few_queries_however_long_it_is(
    as_alice: APIClient, alice: User, version: Version, django_assert_max_num_queries: object
) -> None:
    Dataset.objects.bulk_create(Dataset(owner=alice, name=f"d{n}", latest=version) for n in range(20))
    as_alice.get(URL)
    with django_assert_max_num_queries(3):  # type: ignore[operator]
        assert len(as_alice.get(URL).json()["results"]) == 21


def test_a_dataset_is_changed_in_part(as_alice: APIClient, dataset: Dataset) -> None:
    answer = as_alice.patch(dataset.url, {"description": "Neu"}, format="json")
    assert (answer.status_code, answer.json()["description"], answer.json()["name"]) == (
        200,
        "Neu",
        "Gesetze",
    )
    assert as_alice.patch(dataset.url, {"name": "GESETZE"}, format="json").json()["name"] == "GESETZE"


def test_others_can_neither_see_nor_change_nor_delete_it(
    as_bob: APIClient, dataset: Dataset, version: Version
) -> None:
    for url in (
        dataset.url,
        f"{dataset.url}versions/",
        f"{dataset.url}themes/",
        version.url,
        f"{version.url}samples/",
    ):
        assert as_bob.get(url).status_code == 404, url
    for url in (
        f"{version.url}samples/0/",
        f"{version.url}rejects/",
        f"/api/v1/jobs/{version.job_id}/rejects/",
    ):
        assert as_bob.get(url).status_code == 404, url
    assert as_bob.patch(dataset.url, {"name": "x"}, format="json").status_code == 404
    assert as_bob.delete(dataset.url).status_code == 404
    assert as_bob.post(f"{dataset.url}versions/", {"upload": "x"}, format="json").status_code == 404
    assert as_bob.post(f"{dataset.url}themes/", {}, format="json").status_code == 404
    assert as_bob.get(URL).json()["results"] == []


def test_an_administrator_sees_all(as_charlie: APIClient, dataset: Dataset) -> None:
    assert as_charlie.get(dataset.url).status_code == 200


def test_without_login_there_is_nothing(client: APIClient, dataset: Dataset) -> None:
    assert APIClient().get(dataset.url).status_code == 401
    assert APIClient().post(URL, {"name": "x"}, format="json").status_code == 401


def test_a_token_that_may_only_read_changes_nothing(alice: User, dataset: Dataset) -> None:
    reader = client_of(alice, "read")
    assert reader.get(dataset.url).status_code == 200
    assert reader.post(URL, {"name": "x"}, format="json").status_code == 403
    assert reader.delete(dataset.url).status_code == 403
    assert Dataset.objects.count() == 1


def test_what_was_done_is_told_with_token_and_address(as_alice: APIClient) -> None:
    assert (
        as_alice.post(
            "/api/v1/datasets/", {"name": "Neu"}, format="json", REMOTE_ADDR="192.0.2.7"
        ).status_code
        == 201
    )
    entry = AuditEntry.objects.get(action="dataset.created")
    assert entry.token is not None
    assert (entry.ip, entry.user.get_username() if entry.user else None) == ("192.0.2.7", "alice")


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/api/v1/datasets/?nam=x", "name"),
        ("/api/v1/themes/?datset=1", "dataset"),
        ("/api/v1/uploads/?order=1", "ordering"),
        ("/api/v1/versions/1/samples/?ofset=1", "offset"),
    ],
)
def test_an_unknown_parameter_is_refused_with_the_nearest_known(
    as_alice: APIClient, path: str, known: str
) -> None:
    response = as_alice.get(path)
    assert response.status_code == 400
    assert f"did you mean '{known}'" in response.json()["error"]


@pytest.mark.parametrize(
    "error", [OperationalError("database or disk is full"), OSError(ENOSPC, "No space left on device")]
)
def test_a_full_disk_is_told_as_that(error: Exception) -> None:
    answer = handle_error(error, {})
    assert answer is not None
    assert (answer.status_code, answer.data["code"]) == (507, "no_space")
    assert handle_error(OSError(ENOENT, "No such file or directory"), {}) is None
