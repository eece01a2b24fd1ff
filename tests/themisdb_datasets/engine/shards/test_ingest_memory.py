"""Ingest in a process of its own: anonymous memory stays flat whatever the lines are like."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.processes import ROOT

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")

LIMIT = 256 << 20
LINE = 16 << 20
NAMES = {"long_texts_in_one_row_group": "a.parquet", "a_csv_without_line_breaks": "a.csv"}

MEASURE = """
import json, sys, threading
from pathlib import Path
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.shards.ingest import ingest
from themisdb_datasets.engine.sources.source import open_source

def anonymous():
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) << 10

def run(name):
    work = root / ("work-" + name)
    work.mkdir()
    return ingest(open_source(root / name, name), store=ArtifactStore(root / "store"), workdir=work)

root = Path(sys.argv[1])
run("warm.jsonl")
base, peak, done = anonymous(), 0, threading.Event()
def watch():
    global peak
    while not done.wait(0.005):
        peak = max(peak, anonymous())
watcher = threading.Thread(target=watch)
watcher.start()
result = run(sys.argv[2])
done.set()
watcher.join()
print(json.dumps({"peak": peak - base, "samples": result.num_samples, "rejects": result.num_rejects}))
"""


def a_100_mb_line(file: BinaryIO) -> None:
    file.write(b'{"a":1}\n')
    for _ in range(100):
        file.write(b"x" * 1_000_000)
    file.write(b'\n{"a":2}\n')


def text_lines_of_16_mib(file: BinaryIO) -> None:
    for filling in (b"x", b"\\n", b"\\u00e4", "ä".encode(), b"\\\\"):
        for _ in range(2):
            file.write(b'{"text":"' + filling * ((LINE - 20) // len(filling)) + b'"}\n')


def nested_lines_of_16_mib(file: BinaryIO) -> None:
    file.write(b'{"tokens":[' + b"1," * ((LINE - 20) // 2) + b"1]}\n")
    file.write(b'{"lists":[' + b"[]," * ((LINE - 20) // 3) + b"1]}\n")
    file.write(b'{"objects":[' + b'{"a":[]},' * ((LINE - 40) // 9) + b"1]}\n")
    file.write(b'{"deep":' + b"[" * (LINE // 2 - 10) + b"]" * (LINE // 2 - 10) + b"}\n")
    file.write(b"[" * 100_000 + b"]" * 100_000 + b"\n")


def names_without_end(file: BinaryIO) -> None:
    file.write(b"{" + b",".join(b'"k%d":1' % n for n in range(1_200_000)) + b"}\n")
    file.write(b'{"o":{' + b",".join(b'"k%d":1' % n for n in range(1_200_000)) + b"}}\n")


def new_names_in_every_sample(file: BinaryIO) -> None:
    file.writelines(b'{"k%d":{"m%d":1}}\n' % (n, n) for n in range(30_000))


def blank_lines(file: BinaryIO) -> None:
    for _ in range(32):
        file.write(b"\n" * (1 << 20))
    file.write(b'{"a":1}\n')


def millions_of_tiny_samples(file: BinaryIO) -> None:
    for _ in range(200):
        file.write(b'{"a":1}\n' * 10_000)


def long_texts_in_one_row_group(file: BinaryIO) -> None:
    texts = pa.array([random.Random(7).randbytes(500_000).hex()] * 150)
    pq.write_table(
        pa.table({"text": texts}), file, use_dictionary=False, write_batch_size=1, compression="none"
    )


def a_csv_without_line_breaks(file: BinaryIO) -> None:
    file.write(b"a,b\n1,2\n1," + b"x" * (20 << 20) + b'\n3,"' + b"x\n" * (5 << 20) + b'"\n')


@pytest.mark.parametrize(
    ("write", "samples", "rejects"),
    [
        (a_100_mb_line, 2, 1),
        (text_lines_of_16_mib, 10, 0),
        (nested_lines_of_16_mib, 3, 2),
        (names_without_end, 0, 2),
        (new_names_in_every_sample, 30_000, 0),
        (blank_lines, 1, 0),
        (millions_of_tiny_samples, 2_000_000, 0),
        (long_texts_in_one_row_group, 150, 0),
        (a_csv_without_line_breaks, 2, 1),
    ],
)
def test_memory_stays_under_256_mb(
    tmp_path: Path, write: Callable[[BinaryIO], None], samples: int, rejects: int
) -> None:
    (tmp_path / "warm.jsonl").write_bytes(b'{"a":1,"b":"x\\n"}\n' * 100)
    name = NAMES.get(write.__name__, "a.jsonl")
    with (tmp_path / name).open("wb") as file:
        write(file)
    command = [sys.executable, "-c", MEASURE, str(tmp_path), name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    print(write.__name__, f"{measured['peak'] / 1e6:.0f} MB")
    assert (measured["samples"], measured["rejects"]) == (samples, rejects)
    assert measured["peak"] < LIMIT
