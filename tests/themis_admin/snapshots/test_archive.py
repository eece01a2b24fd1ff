"""One version forward: stock DuckDB in another process reads on and on while snapshots are published and removed."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from rest_framework.test import APIClient

from tests.processes import PATIENCE, until
from tests.themis_admin.datasets.conftest import Ingest
from tests.themis_admin.snapshots.conftest import made
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset
from themis_admin.datasets.themes import services
from themis_admin.processes import die_with_parent
from themis_admin.snapshots import archive

PUBLICATIONS = 20
SAMPLES_EACH = 300
GRACE = 3  # seconds
# Nothing of ours: only DuckDB and the path. Each line says which snapshot was read, or what was wrong with it.
READER = """
import json, pathlib, sys, time, duckdb

link, stop, grace = sys.argv[1], pathlib.Path(sys.argv[2]), float(sys.argv[3])
STATEMENT = (
    "SELECT (SELECT value FROM manifest WHERE name = 'snapshot'), (SELECT value FROM manifest WHERE name = 'theme'),"
    " min(k), max(k), count(*), count(DISTINCT position), sum(length(text)), min(weight), max(weight)"
    " FROM samples JOIN weights USING (position)"
)
held, first = None, None
while not stop.exists():
    began = time.monotonic()
    try:
        with duckdb.connect(f"{link}/snapshot.duckdb", read_only=True) as connection:
            found = connection.execute(STATEMENT).fetchone()
        folder = pathlib.Path(link).resolve()
        parquet = duckdb.sql(f"SELECT min(k), max(k), count(*) FROM read_parquet('{folder}/samples.parquet')").fetchone()
        if held is None:
            # A reader that never closes what it opened first.
            held = duckdb.connect(f"{folder}/snapshot.duckdb", read_only=True)
            first = held.execute(STATEMENT).fetchone()
        again = held.execute(STATEMENT).fetchone()
        print(json.dumps({"read": found, "parquet": parquet, "held": again == first}), flush=True)
    except Exception as error:
        if time.monotonic() - began < grace:  # a busy machine may let it sleep for longer than it may read
            print(json.dumps({"error": repr(error)}), flush=True)
"""


@pytest.mark.django_db(transaction=True)
def test_readers_see_one_whole_snapshot_after_the_other_through_20_publications(
    as_alice: APIClient, alice: User, dataset: Dataset, ingest: Ingest, settings: LazySettings, tmp_path: Path
) -> None:
    settings.THEMIS = dataclasses.replace(settings.THEMIS, snapshot_grace_seconds=GRACE)
    lines = [
        {"k": n % PUBLICATIONS, "text": f"{n % PUBLICATIONS}" * 50}
        for n in range(PUBLICATIONS * SAMPLES_EACH)
    ]
    assert ingest(lines).state == "succeeded"
    assert dataset.latest is not None
    version = dataset.latest.pk
    theme = services.create_theme(dataset, user=alice, name="K", where={"all": []})

    def publish(k: int) -> int:
        services.update_theme(theme, user=alice, where={"field": "k", "op": "eq", "value": k})
        snapshot = made(as_alice, version=version, theme=theme.pk, series="nightly", keep_last=1)
        archive.tidy()
        return snapshot.pk

    ks = {publish(0): 0}
    link, stop, told = (
        archive.archive().link(dataset.pk, "nightly"),
        tmp_path / "stop",
        tmp_path / "told",
    )
    parent = os.getpid()
    with told.open("wb") as output:
        reader = subprocess.Popen(
            [sys.executable, "-c", READER, str(link), str(stop), str(GRACE)],
            stdout=output,
            preexec_fn=lambda: die_with_parent(parent),
        )
    until(lambda: told.read_bytes().count(b"\n") > 1, what="the reader reads")
    for k in range(1, PUBLICATIONS):
        ks[publish(k)] = k
        if k % 4 == 0 or k == PUBLICATIONS - 1:
            until(
                lambda: f'"read": ["{max(ks)}"'.encode() in told.read_bytes(), what="the reader sees this one"
            )
    stop.touch()
    assert reader.wait(PATIENCE) == 0

    seen = [json.loads(line) for line in told.read_text().splitlines()]
    check(seen, ks)
    assert len(ks) == PUBLICATIONS


def check(seen: list[dict[str, Any]], ks: dict[int, int]) -> None:
    """What the reader saw: whole snapshots, each of one `k`, none before an earlier one, and none failed."""
    assert [each for each in seen if "error" in each] == []
    for each in seen:
        snapshot, theme_told, least, most, num, different, length, low, high = each["read"]
        k = ks[int(snapshot)]
        assert json.loads(theme_told)["where"]["value"] == least == most == k
        assert (num, different, length) == (SAMPLES_EACH, SAMPLES_EACH, SAMPLES_EACH * 50 * len(str(k)))
        assert (low, high) == (1.0, 1.0)
        least, most, num = each["parquet"]
        assert (least, num) == (most, SAMPLES_EACH)
        assert each["held"] is True
    order = [int(each["read"][0]) for each in seen]
    assert order == sorted(order)
    assert len(set(order)) >= 5
