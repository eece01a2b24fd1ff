"""Rejected lines are mended and sent again."""

import dataclasses
import json
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from rest_framework.test import APIClient

from tests.datasets.conftest import SAMPLES, Ingest
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import runner
from themis_admin.jobs.files import rejects_path
from themis_admin.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)

BROKEN = [b'{"id": "a", "text": "no end"', b"[1, 2]", b'{"id": "\xe4"}', b'{"id": "' + b"x" * 5000 + b'"}']


@pytest.fixture
def version(ingest: Ingest, dataset: Dataset, settings: LazySettings) -> Version:
    """Four samples; rejected are a line without its end, an array, one in Latin-1, and one that is too long."""
    settings.THEMIS = dataclasses.replace(settings.THEMIS, max_line_bytes=4_000)
    ingest([*SAMPLES, *BROKEN])
    assert dataset.latest is not None
    assert dataset.latest.num_rejects == 4
    return dataset.latest


def send(client: APIClient, version: Version, lines: dict[int, str], **more: Any) -> Any:
    body = {"lines": [{"number": number, "text": text} for number, text in lines.items()], **more}
    return client.post(f"{version.url}rejects/", body, format="json")


def finish(dataset: Dataset) -> list[Any]:
    """Run the ingest that waits; the samples that the dataset has then."""
    job = Job.objects.filter(kind="ingest").latest("id")
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    dataset.refresh_from_db()
    assert dataset.latest is not None
    opened = dataset.latest.open()
    return [opened.line(position) for position in range(opened.num_samples)]


def test_mended_lines_become_samples(as_alice: APIClient, version: Version, dataset: Dataset) -> None:
    numbers = [each["number"] for each in as_alice.get(f"{version.url}rejects/").json()["results"]]
    assert numbers == [0, 1, 2, 3]
    answer = send(as_alice, version, {2: ' {"id": "ä"} ', 0: '{"id": "a", "x": 1.0}'}, note="Mended")
    assert answer.status_code == 202, answer.content
    assert finish(dataset)[4:] == [b'{"id": "a", "x": 1.0}', '{"id": "ä"}'.encode()]
    assert dataset.latest is not None
    assert (dataset.latest.note, dataset.latest.mode) == ("Mended", "append")
    assert dataset.latest.source_name == "mended-lines-of-version-1.jsonl"
    assert dataset.latest.num_rejects == 0


def test_a_long_line_is_kept_whole_and_can_be_mended(
    as_alice: APIClient, dataset: Dataset, ingest: Ingest
) -> None:
    start = b'{"id": "long", "text": "' + b"Text " * 200_000 + b'"'
    ingest([SAMPLES[0], start + b', "x": NaN}'])
    assert dataset.latest is not None
    version = dataset.latest
    kept = rejects_path(version.job_id or 0).read_bytes()
    (reject,) = map(json.loads, kept.splitlines())
    assert not reject["truncated"]
    answer = send(as_alice, version, {0: reject["text"].replace("NaN", "null")})
    assert answer.status_code == 202, answer.content
    assert finish(dataset)[1] == start + b', "x": null}'


def test_they_can_be_put_in_by_their_key(as_alice: APIClient, version: Version, dataset: Dataset) -> None:
    refused = send(as_alice, version, {0: '{"text": "new"}'}, mode="upsert")
    assert (refused.status_code, refused.json()["code"]) == (422, "not_mended")
    assert send(as_alice, version, {0: '{"id": "bdsg/1"}'}, mode="upsert").status_code == 202
    assert sorted(finish(dataset))[0] == b'{"id": "bdsg/1"}'
    assert dataset.latest is not None
    assert dataset.latest.num_samples == 4


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ({0: '{"id": "a"'}, "end"),
        ({1: "[1]"}, "object"),
        ({1: " "}, "empty"),
        ({1: '{"a": 1}\n{"b": 2}'}, "one line"),
        ({1: '{"a": "' + "x" * 4000 + '"}'}, "4,000"),
        ({3: '{"id": 1}'}, "was cut"),
        ({4: '{"id": 1}'}, "no rejected line"),
    ],
)
def test_what_is_no_sample_yet_is_told_by_its_line(
    as_alice: APIClient, version: Version, lines: dict[int, str], said: str
) -> None:
    answer = send(as_alice, version, {**lines, 2: '{"id": "fine"}'})
    assert (answer.status_code, answer.json()["code"]) == (422, "not_mended")
    (field,) = answer.json()["fields"].items()
    assert field[0] == f"lines.{next(iter(lines))}"
    assert said in field[1]
    assert Job.objects.filter(kind="ingest").count() == 1


def test_bad_bodies_are_refused(as_alice: APIClient, as_bob: APIClient, version: Version) -> None:
    url = f"{version.url}rejects/"
    one = {"number": 0, "text": "{}"}
    bodies: tuple[dict[str, Any], ...] = (
        {},
        {"lines": []},
        {"lines": [one, one]},
        {"lines": [{"number": -1, "text": ""}]},
        {"lines": [{}]},
    )
    for body in bodies:
        assert as_alice.post(url, body, format="json").status_code == 400, body
    assert send(as_alice, version, {0: "{}"}, mode="replace").status_code == 400
    assert send(as_bob, version, {0: "{}"}).status_code == 404


def test_lines_of_an_ingest_that_made_no_version_are_mended_too(
    as_alice: APIClient, as_bob: APIClient, ingest: Ingest, dataset: Dataset
) -> None:
    job = ingest(BROKEN[:2])
    assert (job.state, job.error_code) == ("failed", "no_samples")
    url = f"{job.url}rejects/"
    told = as_alice.get(url).json()
    assert (told["num_rejects"], [each["line"] for each in told["results"]]) == (2, [1, 2])
    body = {"lines": [{"number": 1, "text": '{"id": 1}'}]}
    assert as_bob.post(url, body, format="json").status_code == 404
    assert as_alice.post(url, {"lines": [{"number": 2, "text": "{}"}]}, format="json").status_code == 422
    assert as_alice.post(url, body, format="json").status_code == 202
    assert finish(dataset) == [b'{"id": 1}']
    dataset.refresh_from_db()
    assert dataset.latest is not None
    assert dataset.latest.source_name == f"mended-lines-of-job-{job.pk}.jsonl"
    assert as_alice.post(f"/api/v1/jobs/{job.pk + 1}/rejects/", body, format="json").status_code == 422


def test_the_page_of_a_job_leads_to_what_it_rejected(
    alice: User, bob: User, ingest: Ingest, dataset: Dataset
) -> None:
    failed, half = ingest(BROKEN[:2]), ingest([*SAMPLES, BROKEN[0]])
    browser = Client()
    browser.force_login(alice)
    page = f"/jobs/{failed.pk}/rejects/"
    assert page in browser.get(f"/jobs/{failed.pk}/").content.decode()
    html = browser.get(page).content.decode()
    assert html.count("<textarea") == 2
    assert "it made no version" in html
    download = browser.get(f"/jobs/{failed.pk}/rejects.jsonl")
    assert b"".join(download).count(b"\n") == 2
    sent = browser.post(page, {"line-0": '{"id": "a"}', "line-1": BROKEN[1].decode()})
    assert sent.status_code == 302
    assert finish(dataset)[-1] == b'{"id": "a"}'
    assert "1 line was rejected" in " ".join(browser.get(f"/jobs/{half.pk}/").content.decode().split())
    version = Version.objects.get(job=half)
    assert browser.get(f"/jobs/{half.pk}/rejects/").headers["Location"] == f"/versions/{version.pk}/rejects/"
    browser.force_login(bob)
    assert browser.get(page).status_code == 404
    assert browser.get(f"/jobs/{failed.pk}/rejects.jsonl").status_code == 404


def test_they_are_mended_in_the_console(alice: User, version: Version, dataset: Dataset) -> None:
    browser = Client()
    browser.force_login(alice)
    page = f"/versions/{version.pk}/rejects/"
    html = browser.get(page).content.decode()
    assert html.count("<textarea") == 3
    assert "It was too long and cut" in html
    assert "{&quot;id&quot;: &quot;ä&quot;}" in html
    form = {"line-0": BROKEN[0].decode(), "line-1": BROKEN[1].decode(), "line-2": BROKEN[2].decode("latin-1")}
    unchanged = browser.post(page, form)
    assert (unchanged.status_code, "No line was changed" in unchanged.content.decode()) == (422, True)
    refused = browser.post(page, {**form, "line-1": "[1, 2, 3]"})
    assert (refused.status_code, "[1, 2, 3]" in refused.content.decode()) == (422, True)
    sent = browser.post(page, {**form, "line-0": '{"id": "a"}', "send-2": "on"})
    assert sent.status_code == 302
    assert finish(dataset)[4:] == [b'{"id": "a"}', '{"id": "ä"}'.encode()]
