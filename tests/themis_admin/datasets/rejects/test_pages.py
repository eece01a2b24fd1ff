"""Rejected lines in the browser."""

import json

import pytest
from django.test import Client

from tests.conftest import page
from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from tests.themis_admin.datasets.rejects.conftest import BROKEN, finish
from tests.themis_admin.datasets.rejects.test_mending import version
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Version

__all__ = ["version"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_rejected_lines_are_shown_with_place_and_reason(
    alices: Client, ingest: Ingest, dataset: Dataset
) -> None:
    ingest([*SAMPLES, b'{"id": broken', b"[1, 2]"])
    html = page(alices, f"/versions/{dataset.latest_id}/rejects/")
    assert "not_an_object" in html
    assert "[1, 2]" in html
    rows = [
        json.loads(line)
        for line in b"".join(alices.get(f"/versions/{dataset.latest_id}/rejects.jsonl")).splitlines()
    ]
    assert [row["line"] for row in rows] == [5, 6]


def test_a_version_without_rejected_lines_says_so(alices: Client, ingest: Ingest, dataset: Dataset) -> None:
    ingest([{"id": 1}])
    assert "every line is a sample" in page(alices, f"/versions/{dataset.latest_id}/rejects/")
    assert alices.get(f"/versions/{dataset.latest_id}/rejects.jsonl").status_code == 404


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
