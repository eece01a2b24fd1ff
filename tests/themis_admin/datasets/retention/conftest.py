"""What the tests of retention share."""

from typing import Any

from rest_framework.test import APIClient

from themis_admin.datasets.models import Dataset


def kinds(found: Any, number: int) -> list[str]:
    row = next(each for each in found["results"] if each["number"] == number)
    return [reason["kind"] for reason in row["reasons"]]


def dry_run(client: APIClient, dataset: Dataset, **query: str) -> Any:
    answer = client.get(f"{dataset.url}retention/", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def gone(found: Any) -> list[int]:
    return [each["number"] for each in found["results"] if each["removed"]]
