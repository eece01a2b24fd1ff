"""Columns in the making: row groups of bounded size, whatever comes late."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.themisdb_datasets.ingesting import columns_of, ingest_bytes
from themisdb_datasets.engine.shards import columns


def test_late_fields_and_types_do_not_matter_to_what_was_written_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "GROUP_SAMPLES", 16)  # many row groups, so that columns are begun early
    samples: list[dict[str, Any]] = [{"n": n} for n in range(400)]
    for n in range(30, 400, 31):
        samples[n][f"late{n}"] = n
    samples[200]["n"] = 0.5
    samples[390]["n"] = "text"
    data = "\n".join(json.dumps(sample) for sample in samples).encode()
    monkeypatch.setattr("themisdb_datasets.engine.shards.ingest.CHECK_SAMPLES", 10)
    shard = ingest_bytes(tmp_path, data).shard
    values = columns_of(shard)
    assert pq.ParquetFile(shard.columns_path).metadata.num_row_groups == 25
    assert values["n"] == [str(sample["n"]) for sample in samples]
    for field in shard.fields[1:]:
        assert values[field.name] == [sample.get(field.name) for sample in samples]


def test_row_groups_hold_at_most_16384_samples_and_16_mib() -> None:
    groups = columns.RowGroups()
    for sizes in ([10] * 20_000, [20 << 20], [5, 9 << 20, 9 << 20, 3], [1]):
        groups.add(pa.array(sizes).to_numpy())
    groups.finish()
    assert groups.ends == [16_384, 20_000, 20_001, 20_003, 20_006]
