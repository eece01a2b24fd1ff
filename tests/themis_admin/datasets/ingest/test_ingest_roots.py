"""Files that lie on the server already: which are taken, and which are refused."""

import dataclasses
import json
from pathlib import Path

import pytest
from django.conf import LazySettings
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES, write
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_path_below_an_ingest_root_is_taken(as_alice: APIClient, dataset: Dataset, tmp_path: Path) -> None:
    path = write(tmp_path / "incoming" / "a.jsonl", SAMPLES)
    answer = as_alice.post(f"{dataset.url}versions/", {"path": str(path)}, format="json")
    assert answer.status_code == 202
    runner.run(answer.json()["job"]["id"])
    assert Version.objects.get().num_samples == 4
    assert path.exists()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("link.jsonl", 422),  # out of the root
        ("near.jsonl", 422),  # to a file beside it
        ("folder/a.jsonl", 422),
        ("sub/../a.jsonl", 422),
        ("../secret.jsonl", 422),
        ("loop.jsonl", 404),
        ("x" * 300 + ".jsonl", 404),
        ("none.jsonl", 404),
    ],
)
def test_links_and_detours_below_an_ingest_root_are_refused(
    as_alice: APIClient, dataset: Dataset, tmp_path: Path, path: str, status: int
) -> None:
    write(tmp_path / "secret.jsonl", SAMPLES)
    incoming = tmp_path / "incoming"
    write(incoming / "a.jsonl", SAMPLES)
    (incoming / "sub").mkdir()
    links = {
        "link.jsonl": "../secret.jsonl",
        "near.jsonl": "a.jsonl",
        "folder": "sub/..",
        "loop.jsonl": "loop.jsonl",
    }
    for name, target in links.items():
        (incoming / name).symlink_to(target)
    body = json.dumps({"path": f"{incoming}/{path}"})
    answer = as_alice.post(f"{dataset.url}versions/", body, content_type="application/json")
    assert answer.status_code == status, answer.content
    assert "path" in answer.json()["fields"]
    assert not Job.objects.exists()


def test_a_file_that_has_become_a_link_is_not_followed(
    as_alice: APIClient, dataset: Dataset, tmp_path: Path
) -> None:
    path = write(tmp_path / "incoming" / "a.jsonl", SAMPLES)
    answer = as_alice.post(f"{dataset.url}versions/", {"path": str(path)}, format="json")
    path.unlink()
    path.symlink_to(write(tmp_path / "secret.jsonl", SAMPLES))
    runner.run(answer.json()["job"]["id"])
    job = Job.objects.get()
    assert (job.state, job.error) == ("failed", "a.jsonl is a link now; upload it instead.")


def test_an_ingest_root_may_itself_be_a_link(
    as_alice: APIClient, dataset: Dataset, tmp_path: Path, settings: LazySettings
) -> None:
    write(tmp_path / "incoming" / "a.jsonl", SAMPLES)
    (tmp_path / "root").symlink_to(tmp_path / "incoming")
    settings.THEMIS = dataclasses.replace(settings.THEMIS, ingest_roots=(tmp_path / "root",))
    for folder in ("root", "incoming"):
        body = {"path": str(tmp_path / folder / "a.jsonl")}
        assert as_alice.post(f"{dataset.url}versions/", body, format="json").status_code == 202
