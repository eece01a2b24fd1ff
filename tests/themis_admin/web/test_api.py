"""What every answer of the API has in common."""

import pytest
from rest_framework.test import APIClient

from tests.conftest import client_of
from themis_admin.accounts.models import User

pytestmark = pytest.mark.django_db


def test_the_schema_describes_the_api(as_alice: APIClient) -> None:
    schema = as_alice.get("/api/schema/", headers={"accept": "application/json"}).content.decode()
    for route in (
        "/api/v1/jobs/{id}/",
        "/api/v1/tokens/",
        "/api/v1/datasets/",
        "/api/export/jsonl_llm/stream",
    ):
        assert route in schema


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", "/api/v1/nowhere/", 404, "not_found"),
        ("post", "/api/v1/nowhere/", 404, "not_found"),
        ("get", "/api/v1/jobs/4711/", 404, "not_found"),
        ("get", "/api/v1/jobs/99999999999999999999999999/", 404, "not_found"),
        ("put", "/api/v1/jobs/", 405, "method_not_allowed"),
    ],
)
def test_every_error_has_the_same_shape(
    as_alice: APIClient, method: str, path: str, status: int, code: str
) -> None:
    answer = getattr(as_alice, method)(path)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/json"
    document = answer.json()
    assert document.keys() == {"status", "error", "code", "fields"}
    assert (document["status"], document["code"]) == ("error", code)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"a": NaN}',
        b"[" * 100_000,
        b'{"name": "\\ud800"}',
        b'{"name": "\\u0000", "scopes": ["read"]}',
    ],
)
def test_a_body_that_is_no_json_is_400(alice: User, body: bytes) -> None:
    client = client_of(alice, "admin")
    answer = client.post("/api/v1/tokens/", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_a_body_of_another_type_is_415(as_alice: APIClient) -> None:
    answer = as_alice.post("/api/v1/tokens/", b"<a/>", content_type="application/xml")
    assert (answer.status_code, answer.json()["status"]) == (415, "error")


@pytest.mark.parametrize("path", ["/api/v1/jobs/", "/api/v1/tokens/", "/api/v1/audit/", "/api/v1/events/"])
def test_an_unknown_parameter_is_told_with_the_nearest(as_alice: APIClient, path: str) -> None:
    answer = as_alice.get(path, {"pagesize": 1})
    assert answer.status_code == 400
    assert "pagesize" in answer.json()["fields"]
