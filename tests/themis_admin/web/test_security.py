"""Headers, errors and logins that every answer has to have."""

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from tests.conftest import client_of
from themis_admin.accounts.models import User

pytestmark = pytest.mark.django_db
OPEN_TO_ALL = (
    "api/", "d/", "health/", "login/", "logout/", "password/reset/",
)  # fmt: skip


def page_routes() -> list[str]:
    """All routes of pages, with something in the place of their parameters."""
    found: list[str] = []

    def walk(patterns: list[URLPattern | URLResolver], base: str) -> None:
        for each in patterns:
            route = base + str(each.pattern)
            if isinstance(each, URLResolver):
                walk(each.url_patterns, route)
            else:
                found.append(route)

    walk(get_resolver().url_patterns, "")
    filled = [
        route.replace("<int:pk>", "1").replace("<int:n>", "0").replace("<int:position>", "0")
        for route in found
    ]
    return [route for route in filled if not route.startswith((*OPEN_TO_ALL, "^api"))]


def test_every_page_is_behind_the_login() -> None:
    routes = page_routes()
    assert len(routes) > 25
    for route in routes:
        for method in ("get", "post"):
            answer = getattr(Client(), method)(f"/{route}")
            assert answer.status_code in (302, 405), (route, method, answer.status_code)
            if answer.status_code == 302:
                assert answer.headers["Location"].startswith("/login/?next="), route


@pytest.mark.parametrize(
    "path", ["/", "/login/", "/tokens/", "/nowhere/", "/api/v1/jobs/", "/api/nowhere", "/health/live"]
)
def test_the_policy_allows_nothing_inline(alice: User, path: str) -> None:
    client = Client()
    client.force_login(alice)
    answer = client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_the_api_docs_are_ours_and_run_no_inline_script(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    answer = client.get("/api/docs/")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "<script>" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


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


def test_a_host_that_is_not_ours_is_refused() -> None:
    assert Client(headers={"host": "evil.example"}).get("/login/").status_code == 400
