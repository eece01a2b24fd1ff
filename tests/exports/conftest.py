"""Fixtures for the export API: Alice's dataset with its themes, and how a stream is asked for."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponseBase
from django.test import Client
from rest_framework.test import APIClient

from exports.links import downloads
from exports.models import FileExport
from tests.conftest import client_of
from tests.exports import large
from tests.running import Running
from tests.themis_admin.datasets.conftest import Ingest, dataset, folders, ingest
from themis_admin.accounts.models import User
from themis_admin.datasets import services as datasets
from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.themes import services as themes
from themis_admin.jobs import runner

__all__ = ["dataset", "folders", "ingest"]

Ask = Callable[..., HttpResponseBase]
URL = "/api/v1/exports/"
Make = Callable[..., FileExport]
TURNS = [{"role": "user", "content": "Hallo?"}, {"role": "assistant", "content": "Ja."}]


SAMPLES: list[dict[str, Any]] = [
    {"id": 1, "category": "Lärm", "domain": "Umwelt", "subject": "BImSchG", "question": "Wie laut?", "context": "Nachts",
     "answer": "40 dB", "importance": 1.5, "created_at": "2019-12-31T23:59:59Z", "source": "TA Lärm", "tags": ["a", "ä"]},
    {"id": 2, "category": "Lärm", "domain": "Umwelt", "subject": "TA", "question": "Wer misst?", "context": "",
     "answer": "Die Behörde", "created_at": "2020-01-01", "source": "BImSchG"},
    {"id": 3, "category": "Lärm", "domain": "Verkehr", "subject": "TA", "question": "Wann?", "answer": "Am Tag" * 100,
     "created_at": "2021-06-01T12:00:00+02:00"},
    {"id": 4, "category": "Daten", "domain": "Umwelt", "question": "Was?", "answer": "", "created_at": "2022-01-01"},
    {"id": 5, "domain": "Umwelt", "question": "Ohne Thema", "answer": "Nichts", "created_at": "2022-01-01"},
    {"id": 6, "category": "Daten", "domain": "Recht", "question": "Warum?", "context": None, "answer": 1.10,
     "importance": 12345678901234567890},
]  # fmt: skip


@pytest.fixture
def version(dataset: Dataset, ingest: Ingest, alice: User) -> Version:
    """Version 1 of Alice's dataset, with the themes Lärm and Daten."""
    datasets.update_dataset(dataset, user=alice, timestamp_field="created_at")
    assert ingest(SAMPLES).state == "succeeded"
    for name in ("Lärm", "Daten"):
        themes.create_theme(
            dataset, user=alice, name=name, where={"field": "category", "op": "eq", "value": name}
        )
    assert dataset.latest is not None
    return dataset.latest


@pytest.fixture
def as_alice(alice: User) -> APIClient:
    return client_of(alice, "export")


@pytest.fixture
def as_bob(bob: User) -> APIClient:
    return client_of(bob, "export")


@pytest.fixture
def ask(as_alice: APIClient) -> Ask:
    """POST a stream's body as Alice."""

    def post(**body: Any) -> HttpResponseBase:
        response: HttpResponseBase = as_alice.post("/api/export/jsonl_llm/stream", body, format="json")
        return response

    return post


def text(response: Any) -> str:
    """All of a stream's body."""
    assert response.status_code == 200, response.content
    return b"".join(bytes(chunk) for chunk in response).decode()


def lines(response: Any) -> list[Any]:
    """A stream's lines, parsed."""
    return [json.loads(line) for line in text(response).splitlines()]


@pytest.fixture(scope="session")
def corpus(live: Running) -> dict[str, Any]:
    """A large dataset of the running Themis: how to ask for all of it."""
    return large.take_in(live)


def made(client: APIClient, **body: Any) -> FileExport:
    """An export, asked for over HTTP and run by the real runner in this process."""
    response = client.post(URL, body, format="json")
    assert response.status_code == 202, response.json()
    runner.run(response.json()["job"]["id"])
    export: FileExport = FileExport.objects.get(pk=response.json()["export"]["id"])
    assert export.state == "succeeded", export.job and export.job.error
    return export


@pytest.fixture
def make(as_alice: APIClient, version: Version) -> Make:
    return lambda **body: made(as_alice, **body)


def client_answer(client: APIClient, url: str) -> Any:
    response = client.get(url)
    assert response.status_code == 200, response.content
    return response.json()


@pytest.fixture(autouse=True)
def _nobody_guessed() -> None:
    downloads._misses.clear()


def path_of(link: Any) -> str:
    return str(link["url"].removeprefix("http://testserver"))


def get(path: str, **headers: str) -> Any:
    """Ask as somebody without login."""
    return Client().get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def questions(response: Any) -> list[str]:
    return [line["instruction"] for line in lines(response)]


def answer(response: Any) -> Any:
    return response.json()
