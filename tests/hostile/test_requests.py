"""Requests that mean ill: whatever is sent, the answer is an error in the usual shape, and never a fault of ours."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.themis_admin.datasets.conftest import dataset, folders, ingest, version
from themis_admin.accounts import services as accounts
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Version

__all__ = ["dataset", "folders", "ingest", "version"]

pytestmark = pytest.mark.django_db(transaction=True)
BIG = 10**30
UNKNOWN = "00000000-0000-4000-8000-000000000000"
VALUES: list[Any] = [
    None, True, 0, -1, 0.5, 2**31, 2**63, 2**64, -(2**63) - 1, 1e308, "", " ", "x", "x" * 300, "x" * 100_000,
    "\u202e\ufeff", "../../etc/passwd", "%s%n{}{0}", "'; DROP TABLE jobs_job; --", "9999-99-99", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59", "🙂", [], {}, [None], [[[]]], {"": ""}, {"all": []}, ["read"] * 1000, {"x": {"y": []}},
]  # fmt: skip
BODIES: list[tuple[str, str, dict[str, Any]]] = [
    ("post", "/api/v1/tokens/", {"name": "t", "scopes": ["read"], "expires_at": "2090-01-01T00:00:00Z"}),
    (
        "post",
        "/api/v1/datasets/",
        {
            "name": "D",
            "description": "d",
            "key_field": "id",
            "timestamp_field": "t",
            "field_mapping": {"text_field": "a"},
        },
    ),
    ("patch", "/api/v1/datasets/{dataset}/", {"name": "E", "description": "e", "field_mapping": {}}),
    (
        "post",
        "/api/v1/datasets/{dataset}/themes/",
        {"name": "T", "description": "", "where": {"field": "law", "op": "contains", "value": "B"}},
    ),
    (
        "post",
        "/api/v1/datasets/{dataset}/themes/preview/",
        {"where": {"all": [{"field": "law", "op": "eq", "value": "B"}, {"not": {"field": "year", "op": "gt", "value": 1}}]}},
    ),
    (
        "post",
        "/api/v1/snapshots/",
        {"version": 1, "theme": 1, "weighting_rules": [1], "series": "nightly", "keep_last": 3},
    ),
    ("put", "/api/v1/datasets/{dataset}/labels/stable/", {"version": "1"}),
    ("post", "/api/v1/versions/{version}/rejects/", {"lines": [{"number": 0, "text": "{}"}], "mode": "append"}),
    ("put", "/api/v1/datasets/{dataset}/retention/", {"keep_last": 3, "older_than_days": 30}),
    ("post", "/api/v1/uploads/", {"filename": "a.jsonl", "num_bytes": 5}),
    ("post", "/api/v1/datasets/{dataset}/versions/", {"path": "a.jsonl", "mode": "append", "note": "n"}),
    ("post", "/api/v1/datasets/{dataset}/versions/", {"upload": UNKNOWN, "mode": "replace"}),
    (
        "post",
        "/api/export/jsonl_llm/stream",
        {
            "dataset": "Gesetze",
            "version": "latest",
            "domain": "a",
            "subject": "b",
            "from_date": "2020-01-01",
            "to_date": "2021-01-01",
            "format": "text_completion",
            "field_mapping": {"text_field": "{law} {text}"},
            "weighting": {"weight_field": "year", "default_weight": 1.0, "as_of": "2020-01-01"},
            "quality_filters": {"min_rating": 1.0},
            "metadata_fields": ["law"],
            "start": 0,
            "limit": 1,
            "batch_size": 1,
            "dry_run": True,
        },
    ),
]  # fmt: skip


DOCUMENTS = ("/api/docs/", "/api/schema/")  # they have a media type of their own


def replaced(document: Any, value: Any) -> Iterator[Any]:
    """The document with each part of it, however deep, replaced by the value."""
    yield value
    if isinstance(document, dict):
        for name in document:
            for inner in replaced(document[name], value):
                yield {**document, name: inner}
    if isinstance(document, list):
        for at, item in enumerate(document):
            for inner in replaced(item, value):
                yield [*document[:at], inner, *document[at + 1 :]]


@pytest.fixture
def alices(alice: User, version: Version) -> Client:
    """Alice's client, with a token for everything; a fault in a view is an answer, as with the real server."""
    _, text = accounts.create_token(alice, name="all", scopes=["read", "export", "write", "admin"])
    return Client(raise_request_exception=False, headers={"authorization": f"Bearer {text}"})


def send(client: Client, method: str, path: str, body: bytes | str) -> Any:
    return client.generic(method.upper(), path, body, content_type="application/json")


def check(response: Any, said: str) -> None:
    """Not a fault of ours; and an error is JSON in the usual shape."""
    assert response.status_code < 500, said
    if response.status_code >= 400:
        assert response["content-type"].startswith("application/json"), said
        document = response.json()
        assert set(document) == {"status", "error", "code", "fields"}, said
        assert document["status"] == "error" and document["error"] and document["code"], said
        assert len(response.content) < 20_000, said


@pytest.mark.parametrize(("method", "path", "body"), BODIES, ids=[f"{m} {p}" for m, p, _ in BODIES])
def test_no_value_anywhere_in_a_body_is_a_fault_of_ours(
    method: str, path: str, body: dict[str, Any], alices: Client, dataset: Dataset
) -> None:
    path = path.format(dataset=dataset.pk, version=dataset.latest_id)
    for value in VALUES:
        for document in replaced(body, value):
            text = json.dumps(document)
            check(send(alices, method, path, text), f"{method} {path} {text[:300]}")


@pytest.mark.parametrize("path", sorted({path for method, path, _ in BODIES if method == "post"}))
def test_a_body_that_is_no_json_is_400(path: str, alices: Client, dataset: Dataset) -> None:
    bodies = [
        b"{", b"nul", b"NaN", b'{"name": NaN}', b'{"name": Infinity}', b'{"name": 1e999}', b'{"name": "\xff"}',
        b'{"name": "\\ud800"}', b'{"name": "\\u0000"}', b'{"\\u0000": 1}', b"[" * 100_000, b'{"a":' * 100_000,
        b'{"name": ' + b"9" * 10_000 + b"}", b"\xef\xbb\xbf{}", b"\x00" * 1000, b'"text"', b"[]", b"7", b"null",
    ]  # fmt: skip
    for body in bodies:
        response = send(alices, "post", path.format(dataset=dataset.pk, version=dataset.latest_id), body)
        check(response, f"{path} {body[:50]!r}")
        assert response.status_code == 400, (path, body[:50], response.content)


def test_a_body_over_the_limit_is_413_and_another_media_type_415(alices: Client, dataset: Dataset) -> None:
    for _, path, _ in BODIES[:5]:
        path = path.format(dataset=dataset.pk, version=dataset.latest_id)
        response = send(alices, "post", path, b'"' + b"x" * (20 << 20) + b'"')
        assert response.status_code in (405, 413), path
        check(response, path)
        response = alices.generic("POST", path, "a=1", content_type="application/x-www-form-urlencoded")
        assert response.status_code in (405, 415), path
        check(response, path)


# What stands in for the parts of an address: ids that do not exist.
PLACES = (
    ("int:pk", str(BIG)),
    ("int:position", str(BIG)),
    ("uuid:pk", UNKNOWN),
    ("str:export_id", "exp_0123456789abcdef"),
    ("slug:series", "nightly"),
    ("str:name", "stable"),
    ("str:number", "-1"),
)


def routes() -> list[str]:
    """Every route below /api/, with ids filled in that do not exist."""

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
        for each in patterns:
            place = before + str(each.pattern)
            if isinstance(each, URLResolver):
                yield from walk(each.url_patterns, place)
            elif place.startswith("api/") and "^" not in place:
                yield "/" + place

    filled = []
    for route in walk(get_resolver().url_patterns, ""):
        for kind, value in PLACES:
            route = route.replace(f"<{kind}>", value)
        assert "<" not in route, route
        filled.append(route)
    return sorted(set(filled))


def test_every_route_of_the_api_refuses_who_is_nobody(db: None) -> None:
    client = Client(raise_request_exception=False)
    assert len(routes()) > 20
    for route in routes():
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"):
            response = client.generic(method, route, "{}", content_type="application/json")
            assert response.status_code == 401, (method, route)
            assert response["www-authenticate"].startswith("Bearer"), (method, route)
            if method != "HEAD" and route not in DOCUMENTS:
                check(response, f"{method} {route}")


def test_ids_that_no_database_knows_and_queries_that_mean_nothing_are_no_faults(alices: Client) -> None:
    queries = [
        "",
        "?cursor=x",
        "?cursor=cD1hYmM%3D",
        "?cursor=cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk%3D",
        "?page_size=-1",
    ]
    queries += [
        "?state=%00",
        "?kind=%00&action=%00",
        "?name=%00",
        "?since=-1",
        f"?since={BIG}",
        "?limit=0",
        "?format=xml",
        "?state=x",
    ]
    queries += [
        "?offset=-1",
        f"?offset={2**62}",
        "?length=0",
        "?where=%7B",
        "?order_by=%27",
        "?search=%25%5C",
    ]
    for route in routes():
        for query in queries if route not in DOCUMENTS else []:
            check(alices.get(route + query), route + query)
        for method in ("POST", "PUT", "PATCH", "DELETE") if route not in DOCUMENTS else ():
            check(send(alices, method, route, "{}"), f"{method} {route}")


def test_a_version_is_browsed_with_queries_that_mean_ill(alices: Client, version: Version) -> None:
    path = f"/api/v1/versions/{version.pk}/samples/"
    for value in VALUES:
        text = value if isinstance(value, str) else json.dumps(value)
        for name in ("where", "search", "order_by", "offset", "length"):
            check(alices.get(path, {name: text[:2000]}), f"{name}={text[:100]}")


def test_what_the_client_accepts_does_not_matter(alices: Client) -> None:
    for accept in ("text/html", "application/x-ndjson", "x/y", "*/*;q=broken", ""):
        assert alices.get("/api/v1/datasets/", headers={"accept": accept}).status_code == 200, accept


def test_below_api_everything_is_json(alices: Client) -> None:
    for path in ("/api", "/api/", "/api/v2/", "/api/v1/datasetz/", "/api/v1/datasets", "/api/export/xml"):
        for client in (alices, Client(enforce_csrf_checks=True)):
            for method in ("GET", "POST", "DELETE"):
                response = client.generic(method, path)
                assert response.status_code == 404, (method, path)
                check(response, path)
