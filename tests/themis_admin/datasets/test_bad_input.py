"""Bad input through the whole path, from the request to the sample browser and the list of rejected lines."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
BOM = b"\xef\xbb\xbf"
KEPT = [
    (b'{"n": 1}', {"n": 1}),
    (b'{"n": 12345678901234567890, "x": 1.50}', {"n": 12345678901234567890, "x": 1.5}),
    (rb'{"n": "L\u00e4rm\/", "e": "\ud83d\ude00"}', {"n": "Lärm/", "e": "😀"}),
    (b'{"n": 1, "n": 2}', {"n": 2}),
    (b'{"": {"": []}}', {"": {"": []}}),
    (b"{}", {}),
]
REJECTED = [
    (b"{broken", "invalid_json"),
    (b'{"n": 1} {"n": 2}', "invalid_json"),
    (b'{"n": "\xff"}', "invalid_utf8"),
    (b'{"n": NaN}', "nan_or_infinity"),
    (b'{"n": -Infinity}', "nan_or_infinity"),
    (b"[1]", "not_an_object"),
    (b"7", "not_an_object"),
    (b"null", "not_an_object"),
    (rb'{"n": "\ud800"}', "lone_surrogate"),
    (b'{"n": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep"),
    (b'{"n": "' + b"x" * (16 << 20) + b'"}', "line_too_long"),
]


def ingest(client: APIClient, dataset: Dataset, content: bytes) -> Job:
    answer = client.post(f"{dataset.url}versions/", {"file": SimpleUploadedFile("corpus.jsonl", content)})
    assert answer.status_code == 202, answer.content
    runner.run(answer.json()["job"]["id"])
    return Job.objects.get(pk=answer.json()["job"]["id"])


def rejects(client: APIClient, version: Version) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"{version.url}rejects/").json()["results"]
    return found


def test_every_line_is_a_sample_or_a_reject_with_its_reason(as_alice: APIClient, dataset: Dataset) -> None:
    good = [line for line, _ in KEPT]
    bad = [line for line, _ in REJECTED]
    mixed = [line for pair in zip(bad, [*good, *good], strict=False) for line in pair]
    content = BOM + b"\n".join([b"", *mixed, b"  \t ", b"\r"])
    job = ingest(as_alice, dataset, content)
    version = Version.objects.get()
    assert job.result["num_rejects"] == version.num_rejects == len(bad)
    assert version.num_samples + version.num_rejects == len(mixed)
    found = rejects(as_alice, version)
    assert [each["reason"] for each in found] == [reason for _, reason in REJECTED]
    assert [each["line"] for each in found] == [2 + 2 * n for n in range(len(bad))]
    for each, line in zip(found, bad, strict=True):
        assert content[each["offset"] :].startswith(line[:100])
        assert each["message"].endswith(".")


def test_samples_come_out_as_they_went_in(as_alice: APIClient, dataset: Dataset) -> None:
    lines = [line for line, _ in KEPT]
    ingest(as_alice, dataset, BOM + b"\r\n".join(b" " + line + b"\t" for line in lines))
    version = Version.objects.get()
    opened = version.open()
    assert [opened.line(position) for position in range(opened.num_samples)] == lines
    answer = as_alice.get(f"{version.url}samples/")
    assert [each["sample"] for each in json.loads(answer.content)["results"]] == [
        sample for _, sample in KEPT
    ]


@pytest.mark.parametrize("content", [b"\n", BOM, b" \r\n\t\n", b"\x00", b"\xff\xfe{\x00}\x00", b"PAR1"])
def test_what_holds_no_sample_at_all_fails_with_a_sentence(
    as_alice: APIClient, dataset: Dataset, content: bytes
) -> None:
    job = ingest(as_alice, dataset, content)
    assert (job.state, job.error_code) == ("failed", "no_samples")
    assert job.error.endswith(".")
    assert not Version.objects.exists()


def test_an_empty_file_is_refused_at_once(as_alice: APIClient, dataset: Dataset) -> None:
    answer = as_alice.post(f"{dataset.url}versions/", {"file": SimpleUploadedFile("a.jsonl", b"")})
    assert answer.status_code == 400
    assert "empty" in answer.json()["error"]


def test_a_thousand_different_fields_can_be_browsed(as_alice: APIClient, dataset: Dataset) -> None:
    ingest(as_alice, dataset, b"\n".join(b'{"f%d": %d}' % (n, n) for n in range(1000)))
    version = Version.objects.get()
    where = json.dumps({"field": "f999", "op": "eq", "value": 999})
    found = as_alice.get(f"{version.url}samples/", {"where": where}).json()
    assert [each["sample"] for each in found["results"]] == [{"f999": 999}]
