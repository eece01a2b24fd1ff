"""Packed files: what unpacks to too much is refused."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.themisdb_datasets.engine.sources.conftest import BOMB, zstd
from themisdb_datasets.engine.sources.source import open_source
from themisdb_datasets.engine.sources.unpacking import UnpackingLimits
from themisdb_datasets.errors import TooLargeError


def parquet(rows: int) -> bytes:
    out = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": pa.array(["always the same"] * rows)}), out)
    return bytes(out.getvalue())


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("a.jsonl.gz", gzip.compress(BOMB)),
        ("a.jsonl.zst", zstd(BOMB)),
        ("a.json.gz", gzip.compress(b"[" + b"0," * 200_000 + b"0]")),
        ("a.csv.gz", gzip.compress(b"a\n" + b"0\n" * 200_000)),
        ("a.csv", b"x" * 20_000 + b"\n" + b"0\n" * 50),
        ("a.parquet", parquet(25_000)),
        ("a.parquet.gz", gzip.compress(parquet(25_000))),
    ],
)
@pytest.mark.parametrize("limit", ["max_unpacked_bytes", "max_unpacked_ratio"])
def test_what_unpacks_to_too_much_is_refused_by_the_limits_name(
    tmp_path: Path, name: str, packed: bytes, limit: str
) -> None:
    (tmp_path / "upload").write_bytes(packed)
    most = 128 << 10 if limit == "max_unpacked_bytes" else 20
    limits = UnpackingLimits(free_bytes=64 << 10, **{limit.replace("unpacked_", ""): most})
    read = 0
    with pytest.raises(TooLargeError, match=limit) as error:
        for chunk in open_source(tmp_path / "upload", name, limits=limits).lines():
            read += len(chunk)
    assert error.value.code == "unpacked_too_large"
    assert error.value.fields == {"limit": limit, limit: most}
    assert read <= max(most, 20 * len(packed), 64 << 10)
    unlimited = open_source(tmp_path / "upload", name)
    assert sum(map(len, unlimited.lines())) > 128 << 10
