"""What the tests of samples share."""

from typing import Any

from rest_framework.test import APIClient

from themis_admin.datasets.models import Version


def samples(client: APIClient, version: Version, **query: Any) -> Any:
    answer = client.get(f"{version.url}samples/", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def positions(page: Any) -> list[int]:
    return [each["position"] for each in page["results"]]
