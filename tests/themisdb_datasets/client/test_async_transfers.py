"""Downloads and uploads on asyncio: the same parts through the same breaks, cancelled at any time and gone on with."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.running import Running
from tests.themisdb_datasets.conftest import QUICK
from tests.themisdb_datasets.proxy import Proxy, before, cut, ended, passed, refused, rewritten, stalled
from themisdb_datasets import AsyncClient, Client
from themisdb_datasets.client import download, upload
from themisdb_datasets.client.download import sha256_of
from themisdb_datasets.errors import ConflictError, MalformedError, NotFoundError

SMALL = 1 << 20


@pytest.fixture(autouse=True)
def _small_parts_and_own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(download, "PART_BYTES", SMALL)
    monkeypatch.setattr(upload, "PART_BYTES", SMALL)


@pytest.fixture
def url(index: dict[str, Any]) -> str:
    return f"{index['url']}download/"


def quick_client(proxy: Proxy, live: Running) -> AsyncClient:
    return AsyncClient(proxy.url, live.known["token"], backoff=QUICK)


async def test_a_download_goes_on_through_every_break(
    live: Running, url: str, index: dict[str, Any], tmp_path: Path
) -> None:
    faults = [refused(503), cut(0), ended(0), cut(200), cut(400_000), ended(900_000), refused(502)]
    told: list[tuple[int, int]] = []
    with before(live.port, *faults) as proxy:
        async with quick_client(proxy, live) as client:
            path = await client.download(
                url, tmp_path, sha256=index["sha256"], report=lambda *done: told.append(done)
            )
            assert await client.download(url, tmp_path) == path, "it is there"
            path.write_bytes(b"mine")
            with pytest.raises(ConflictError, match="already"):
                await client.download(url, path)
            assert sha256_of(await client.download(url, path, replace=True)) == index["sha256"]
            with pytest.raises(NotFoundError):
                await client.download("indexes/999999/download/", tmp_path / "x")
    size = path.stat().st_size
    assert told == sorted(told)
    assert (told[0], told[-1]) == ((0, size), (size, size))
    assert {name.suffix for name in tmp_path.iterdir()} <= {".tar", ""}, "no parts are left"  # noqa: ASYNC240


async def test_what_a_cancelled_download_has_is_not_sent_again(
    live: Running, url: str, index: dict[str, Any], tmp_path: Path
) -> None:
    target, halfway = tmp_path / "index.tar", asyncio.Event()

    def report(done: int, total: int) -> None:
        if done >= 4 * SMALL:
            halfway.set()

    with before(live.port, *[passed] * 5, *[stalled(SMALL // 2)] * 9) as proxy:
        async with quick_client(proxy, live) as client:
            task = asyncio.create_task(client.download(url, target, at_once=2, report=report))
            await asyncio.wait_for(halfway.wait(), 60)
            with pytest.raises(ConflictError, match="Another process"):
                await client.download(url, target)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            proxy.faults.clear()
            proxy.requests.clear()
            await client.download(url, target, at_once=3)
    assert sha256_of(target) == index["sha256"]
    ranges = [re.search(rb"range: bytes=(\d+)-(\d+)", request, re.I) for request in proxy.requests]
    asked = sum(int(found[2]) + 1 - int(found[1]) for found in ranges if found is not None)
    assert asked <= target.stat().st_size - 4 * SMALL


async def test_another_file_under_the_same_address_is_not_mixed_in(
    live: Running, url: str, tmp_path: Path
) -> None:
    with before(live.port, passed, rewritten(b'etag: "', b'etag: "0')) as proxy:
        async with quick_client(proxy, live) as client:
            with pytest.raises(ConflictError, match="another file"):
                await client.download(url, tmp_path / "index.tar")
    assert not (tmp_path / "index.tar").exists()


async def test_an_upload_goes_on_through_every_break_and_after_it_was_cancelled(
    live: Running, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "laws.jsonl"
    path.write_text("".join(f'{{"id": {number}, "text": "{"x" * 200}"}}\n' for number in range(20_000)))
    told: list[int] = []

    def stop(done: int, total: int) -> None:
        if done >= SMALL:
            task.cancel()

    faults = [passed, passed, cut(20), lambda exchange: exchange.reset(), refused(502), ended(40)]
    with before(live.port, *faults) as proxy:
        async with quick_client(proxy, live) as other:
            task = asyncio.ensure_future(other.upload(path, report=stop))
            with pytest.raises(asyncio.CancelledError):
                await task
            upload_id = await other.upload(path, report=lambda done, total: told.append(done))
            assert told == sorted(told)
            assert told[0] >= SMALL
            dataset = await other.post("datasets/", {"name": f"Sent {time.time_ns()}", "key_field": "id"})
            answer = await other.post(f"{dataset['url']}versions/", {"upload": upload_id, "mode": "append"})
            done = await other.wait(answer["job"])
            with pytest.raises(MalformedError, match="no file"):
                await other.upload(tmp_path / "nothing.jsonl")
    assert client.get(f"versions/{done['result']['version']}/")["num_samples"] == 20_000
