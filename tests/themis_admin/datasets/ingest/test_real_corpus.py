"""The German federal laws, where they lie in a folder beside the checkout: counts against plain Python."""

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from rest_framework.test import APIClient

from tests.processes import ROOT
from tests.programs import NO_CORPUS
from themis_admin.accounts.models import User
from themis_admin.datasets.ingest import services
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import runner

BESIDE = ROOT.parent / "shared" / "data"
CORPUS = Path(os.environ.get("THEMIS_CORPUS", BESIDE)) / "gesetze-2022.jsonl.zst"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CORPUS.exists(), reason=f"{NO_CORPUS}: {CORPUS} (set THEMIS_CORPUS)"),
]
IMMISSION = {"field": "law", "op": "contains", "value": "BImSch"}
PRIVACY = {
    "any": [
        {"field": "law", "op": "contains", "value": "BDSG"},
        {"field": "text", "op": "contains", "value": "personenbezogene Daten"},
    ]
}


def lines() -> Iterator[bytes]:
    with pa.OSFile(str(CORPUS), "rb") as file, pa.CompressedInputStream(file, "zstd") as stream:
        yield from io.BufferedReader(stream, 1 << 20)


def test_the_federal_laws_are_ingested_and_counted_as_plain_python_counts_them(
    as_alice: APIClient, alice: User, dataset: Dataset
) -> None:
    job = services.start_ingest(dataset, user=alice, sources=[CORPUS])
    runner.run(job.pk)
    version = Version.objects.get()
    assert (version.num_samples, version.num_bytes, version.num_rejects) == (105_198, 207_940_509, 0)

    opened = version.open()
    laws = privacy = 0
    for position, line in enumerate(lines()):
        assert opened.line(position) == line.rstrip(b"\n")
        sample: dict[str, Any] = json.loads(line)
        laws += "bimsch" in sample["law"].lower()
        privacy += (
            "bdsg" in sample["law"].lower() or "personenbezogene daten" in (sample["text"] or "").lower()
        )

    for where, expected in ((IMMISSION, laws), (PRIVACY, privacy)):
        preview = as_alice.post(f"{dataset.url}themes/preview/", {"where": where}, format="json").json()
        assert (preview["num_samples"], preview["total"]) == (expected, 105_198)
