"""Uploads over connections that break: what has arrived is not sent again."""

import os
import threading
import time
from pathlib import Path

import pytest

from tests.running import Running
from tests.themisdb_datasets.client.conftest import SMALL
from tests.themisdb_datasets.client.test_download import url
from tests.themisdb_datasets.conftest import QUICK, quick_client
from tests.themisdb_datasets.proxy import before, cut, ended, passed, refused
from themisdb_datasets import Client
from themisdb_datasets.errors import (
    ConflictError,
    ImpossibleError,
    MalformedError,
)

__all__ = ["url"]


def corpus(path: Path, *, num_samples: int = 20_000) -> Path:
    with path.open("w") as file:
        for number in range(num_samples):
            file.write(f'{{"id": "{number}", "text": "{"ä" * (number % 150)}"}}\n')
    return path


@pytest.mark.usefixtures("parts")
def test_an_upload_goes_on_through_every_break(live: Running, tmp_path: Path) -> None:
    path = corpus(tmp_path / "laws.jsonl")
    told: list[int] = []
    # The part arrives and its acknowledgement does not; it never arrives; a proxy refuses it.
    faults = [
        passed,
        passed,
        cut(20),
        lambda exchange: exchange.reset(),
        refused(502),
        refused(503),
        ended(40),
    ]
    with before(live.port, *faults) as proxy, quick_client(proxy, live) as client:
        upload_id = client.upload(path, report=lambda done, total: told.append(done))
        standing = client.get(f"uploads/{upload_id}/")
        assert (standing["state"], standing["received"]) == ("complete", path.stat().st_size)
        assert told == sorted(told)
        told.clear()
        assert client.upload(path, report=lambda done, total: told.append(done)) == upload_id
        assert told == [path.stat().st_size], "it is there already, until an ingest has used it"
        dataset = client.post("datasets/", {"name": f"Sent {time.time_ns()}", "key_field": "id"})
        answer = client.post(f"{dataset['url']}versions/", {"upload": upload_id, "mode": "append"})
        done = client.wait(answer["job"])
        assert client.get(f"versions/{done['result']['version']}/")["num_samples"] == 20_000
        assert client.upload(path) != upload_id


@pytest.mark.usefixtures("parts")
def test_an_upload_goes_on_in_another_process(live: Running, tmp_path: Path) -> None:
    path = corpus(tmp_path / "laws.jsonl")
    size = path.stat().st_size
    with Client(live.url, live.known["token"], backoff=QUICK) as client:

        class Enough(Exception):
            pass

        def stop(done: int, total: int) -> None:
            if done >= SMALL:
                raise Enough

        with pytest.raises(Enough):
            client.upload(path, report=stop)
        told: list[int] = []
        client.upload(path, report=lambda done, total: told.append(done))
        assert (told[0], told[-1]) == (SMALL, size)
        path.write_bytes(path.read_bytes() + b"{}\n")
        told.clear()
        client.upload(path, report=lambda done, total: told.append(done))
        assert told[0] == 0, "it is another file now"


def test_what_cannot_be_sent_says_why(client: Client, tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="no file"):
        client.upload(tmp_path / "nothing.jsonl")
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(MalformedError, match="empty"):
        client.upload(tmp_path / "empty.jsonl")
    (tmp_path / "laws.pdf").write_text("x")
    with pytest.raises(ImpossibleError, match="suffix"):
        client.upload(tmp_path / "laws.pdf")


@pytest.mark.usefixtures("parts")
def test_a_file_that_changes_while_it_is_sent_is_refused(client: Client, tmp_path: Path) -> None:
    path = corpus(tmp_path / "laws.jsonl")
    changed = threading.Event()

    def change(done: int, total: int) -> None:
        if done and not changed.is_set():
            changed.set()
            os.utime(path, (0, 0))

    with pytest.raises(ConflictError, match="changed"):
        client.upload(path, report=change)
