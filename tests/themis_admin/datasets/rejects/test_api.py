"""REST: rejected lines."""

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from themis_admin.datasets.models import Dataset, Version

pytestmark = pytest.mark.django_db(transaction=True)


def test_rejected_lines_are_paged_and_downloaded(
    ingest: Ingest, as_alice: APIClient, dataset: Dataset
) -> None:
    ingest([SAMPLES[0], *(b"broken %d" % n for n in range(150)), b"\xff\xfe", b"y" * 5000])
    assert dataset.latest is not None
    url = f"{dataset.latest.url}rejects/"
    first = as_alice.get(url).json()
    assert (first["num_rejects"], len(first["results"])) == (152, 100)
    assert first["results"][0] | {"message": ""} == {
        "number": 0, "line": 2, "offset": first["results"][0]["offset"], "reason": "invalid_json", "message": "",
        "text": "broken 0", "truncated": False,
    }  # fmt: skip
    rest = as_alice.get(first["next"]).json()
    assert (len(rest["results"]), rest["next"]) == (52, None)
    assert rest["results"][-2]["reason"] == "invalid_utf8"
    assert "base64" in rest["results"][-2]
    assert len(rest["results"][-1]["text"]) == 1024
    assert rest["results"][-1]["truncated"] is True
    download = as_alice.get(url, {"download": 1})
    content = b"".join(download)
    assert len(content.splitlines()) == 152
    assert "attachment" in download.headers["Content-Disposition"]


def test_a_version_without_rejects_has_an_empty_list(as_alice: APIClient, version: Version) -> None:
    page = as_alice.get(f"{version.url}rejects/").json()
    assert (page["results"], page["num_rejects"], page["next"]) == ([], 0, None)
    assert b"".join(as_alice.get(f"{version.url}rejects/?download=1")) == b""
