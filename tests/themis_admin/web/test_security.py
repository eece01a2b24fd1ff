"""Headers and logins that every answer has to have."""

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

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


def test_a_host_that_is_not_ours_is_refused() -> None:
    assert Client(headers={"host": "evil.example"}).get("/login/").status_code == 400
