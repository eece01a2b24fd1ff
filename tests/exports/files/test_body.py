"""The body of a file export: a stream's, with what files add to it."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from exports.models import FileExport
from tests.exports.conftest import URL, Ask, Make, text
from tests.exports.files.conftest import content
from tests.themis_admin.jobs.conftest import start
from themis_admin.datasets.models import Version
from themis_admin.jobs.models import Job

__all__ = ["start"]


def test_a_cursor_makes_a_file_of_the_rest(make: Make, ask: Ask) -> None:
    response = ask(dataset="Gesetze", limit=2)
    text(response)
    plan = response["X-Themis-Plan"]
    export = make(cursor=f"{plan}.2")
    assert content(export).popitem()[0] == "manifest.json"
    assert next(iter(content(export).values())).decode() == text(ask(cursor=f"{plan}.2"))


def test_the_cursor_of_a_continuous_stream_makes_no_file(
    as_alice: APIClient, version: Version, ask: Ask
) -> None:
    cursor = ask(theme="Lärm", stream_mode="continuous", limit=1)["X-Themis-Cursor"]
    refused = as_alice.post(URL, {"cursor": cursor, "file": {}}, format="json")
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["cursor"])


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"theme": "Lärm", "file": {"type": "xlsx"}}, 400, "file.type"),
        ({"theme": "Lärm", "file": {"typ": "jsonl"}}, 400, "file.typ"),
        ({"theme": "Lärm", "file": {"max_bytes": 0}}, 400, "file.max_bytes"),
        ({"theme": "Lärm", "file": {"max_bytes": "1GB"}}, 400, "file.max_bytes"),
        ({"theme": "Lärm", "file": "jsonl"}, 400, "file"),
        ({"theme": "Lärn"}, 400, "theme"),
        ({"theme": "Lärm", "stream_mode": "continuous"}, 400, "stream_mode"),
        ({"theme": "Lärm", "start": 99}, 422, "start"),
        ({"nothing": 1}, 400, "nothing"),
    ],
)
def test_bad_requests_name_the_field(
    as_alice: APIClient, version: Version, body: dict[str, Any], status: int, field: str
) -> None:
    response = as_alice.post(URL, body, format="json")
    assert (response.status_code, list(response.json()["fields"])) == (status, [field]), response.json()
    assert not FileExport.objects.exists()
    assert not Job.objects.filter(kind="export").exists()
