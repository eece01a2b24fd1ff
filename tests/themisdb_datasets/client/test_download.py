"""Downloads over connections that break: what arrives is checked, and what has arrived is not sent again."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ROOT, until
from tests.running import Running
from tests.themisdb_datasets.client.conftest import SMALL
from tests.themisdb_datasets.conftest import quick_client
from tests.themisdb_datasets.proxy import before, cut, ended, passed, refused, rewritten, stalled
from themisdb_datasets import Backoff, Client
from themisdb_datasets.client.download import sha256_of
from themisdb_datasets.errors import (
    ConflictError,
    CorruptError,
    NotFoundError,
    ServerError,
)


@pytest.fixture
def url(index: dict[str, Any]) -> str:
    return f"{index['url']}download/"


@pytest.mark.usefixtures("parts")
def test_a_download_in_parts_is_the_file(
    client: Client, url: str, index: dict[str, Any], tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    path = client.download(
        url, tmp_path, sha256=index["sha256"], report=lambda done, total: told.append((done, total))
    )
    assert path.name == f"all-samples-version-1-offsets-{index['id']}.tar"
    assert sha256_of(path) == index["sha256"]
    size = path.stat().st_size
    assert told == sorted(told)
    assert (told[0], told[-1]) == ((0, size), (size, size))
    assert list(tmp_path.glob("*.part*")) == []


@pytest.mark.usefixtures("parts")
def test_a_download_goes_on_through_every_break(
    live: Running, url: str, index: dict[str, Any], tmp_path: Path
) -> None:
    faults = [
        refused(503),
        cut(0),
        ended(0),
        cut(200),
        cut(400_000),
        ended(900_000),
        refused(502),
        cut(700_000),
    ]
    with before(live.port, *faults) as proxy, quick_client(proxy, live) as client:
        path = client.download(url, tmp_path / "deep" / "index.tar")
        assert sha256_of(path) == index["sha256"]
        assert len(proxy.requests) > len(faults) + path.stat().st_size // SMALL


@pytest.mark.usefixtures("parts")
def test_a_server_that_was_there_is_waited_for_by_every_part_and_every_client(
    live: Running, url: str, index: dict[str, Any], tmp_path: Path
) -> None:
    backoff = Backoff(shortest=0.01, longest=0.05, patience=20, first_patience=0)
    with before(live.port, passed, *[refused(503)] * 4, passed, *[refused(502)] * 3) as proxy:
        with Client(proxy.url, live.known["token"], backoff=backoff) as client:
            client.download(url, tmp_path / "index.tar", at_once=2)
        assert sha256_of(tmp_path / "index.tar") == index["sha256"]
        proxy.faults.extend([refused(503), refused(502)])
        with Client(proxy.url, live.known["token"], backoff=backoff) as other:
            assert other.get("datasets/")["results"]
    with before(live.port, refused(503)) as strange, pytest.raises(ServerError):
        Client(strange.url, live.known["token"], backoff=backoff).get("datasets/")


@pytest.mark.usefixtures("parts")
def test_what_an_earlier_process_has_is_not_sent_again(
    live: Running, url: str, index: dict[str, Any], tmp_path: Path
) -> None:
    target = tmp_path / "index.tar"
    program = (
        "import sys; from themisdb_datasets import Client; from themisdb_datasets.client import download\n"
        f"download.PART_BYTES = {SMALL}\n"
        "Client(sys.argv[1], sys.argv[2]).download(sys.argv[3], sys.argv[4], at_once=1)"
    )
    with before(live.port, *[passed] * 5, stalled(SMALL // 2)) as proxy:
        arguments = [proxy.url, live.known["token"], url, str(target)]
        process = subprocess.Popen([sys.executable, "-c", program, *arguments], cwd=ROOT)
        noted = tmp_path / "index.tar.part.done"
        until(lambda: noted.exists() and noted.read_bytes().count(b"\n") == 5, what="four parts are there")
        with (
            pytest.raises(ConflictError, match="Another process"),
            quick_client(proxy, live) as client,
        ):
            client.download(url, target)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with noted.open("ab") as file:
            file.write(b"7")  # a line that was being written
        proxy.requests.clear()
        proxy.faults.clear()
        with quick_client(proxy, live) as client:
            client.download(url, target)
        size = target.stat().st_size
        assert sha256_of(target) == index["sha256"]
        gets = [request for request in proxy.requests if request.startswith(b"GET")]
        assert len(gets) == -(-size // SMALL) - 4


def test_of_a_part_that_was_begun_only_the_rest_is_sent(
    live: Running, url: str, index: dict[str, Any], tmp_path: Path
) -> None:
    class Enough(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done >= 2 * SMALL:
            raise Enough

    target, told = tmp_path / "index.tar", list[int]()
    with before(live.port) as proxy, quick_client(proxy, live) as client:
        with pytest.raises(Enough):
            client.download(url, target, at_once=2, report=stop)
        proxy.requests.clear()
        client.download(url, target, at_once=2, report=lambda done, total: told.append(done))
        ranges = [re.search(rb"Range: bytes=(\d+)-(\d+)", request, re.I) for request in proxy.requests]
        asked = [int(found[2]) + 1 - int(found[1]) for found in ranges if found is not None]
    assert told[0] >= 2 * SMALL, "what was there is counted"
    assert sum(asked) == told[-1] - told[0]
    assert sha256_of(target) == index["sha256"]


def test_a_file_that_is_there_stays_and_another_is_not_overwritten(
    client: Client, url: str, index: dict[str, Any], tmp_path: Path
) -> None:
    path = client.download(url, tmp_path)
    before_it = path.stat()
    assert client.download(url, tmp_path) == path
    assert path.stat() == before_it or path.stat().st_mtime_ns == before_it.st_mtime_ns
    path.write_bytes(b"mine")
    with pytest.raises(ConflictError, match="already"):
        client.download(url, path)
    assert path.read_bytes() == b"mine"
    assert sha256_of(client.download(url, path, replace=True)) == index["sha256"]


def test_what_is_not_what_was_promised_is_not_kept(live: Running, url: str, tmp_path: Path) -> None:
    changed = rewritten(b"samples.jsonl", b"SAMPLES.jsonl")
    with (
        before(live.port, passed, changed) as proxy,
        quick_client(proxy, live) as client,
    ):
        with pytest.raises(CorruptError, match="SHA-256"):
            client.download(url, tmp_path, at_once=1)
        assert list(tmp_path.iterdir()) == [], "neither the file nor its parts"
        client.download(url, tmp_path)
        with pytest.raises(ConflictError, match="another file"):
            client.download(url, tmp_path / "other", sha256="0" * 64)


def test_another_file_under_the_same_address_is_not_mixed_in(live: Running, url: str, tmp_path: Path) -> None:
    other = rewritten(b'etag: "', b'etag: "0')
    with (
        before(live.port, passed, other) as proxy,
        quick_client(proxy, live) as client,
        pytest.raises(ConflictError, match="another file"),
    ):
        client.download(url, tmp_path / "index.tar")
    assert not (tmp_path / "index.tar").exists()


def test_what_cannot_be_downloaded_says_why(client: Client, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        client.download("indexes/999999/download/", tmp_path / "x")
    with pytest.raises(CorruptError, match="no SHA-256"):
        client.download("datasets/", tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_does_not_wait_for_a_silent_server(live: Running, url: str, tmp_path: Path) -> None:
    program = (
        "import sys; from themisdb_datasets import Client; Client(*sys.argv[1:3]).download(*sys.argv[3:])"
    )
    with before(live.port, passed, *[stalled(100_000)] * 2) as proxy:
        arguments = [proxy.url, live.known["token"], url, str(tmp_path / "index.tar")]
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            # What runs in the background of a shell has it ignored, and with it all that it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        draft = tmp_path / "index.tar.part"
        until(lambda: draft.exists() and draft.read_bytes()[98_000:98_001] > b"\0", what="it waits for more")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)  # it would wait for twice as long for what does not come
        assert b"KeyboardInterrupt" in said
