"""Downloads by a link: counted where they begin, and gone on with where they broke off."""

import hashlib
import random
import shutil
import subprocess
from pathlib import Path

import pytest
import requests
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from exports.links import services as links
from exports.models import FileExport, LinkUse
from tests.exports.conftest import Make, get, path_of
from tests.exports.links.conftest import answers, body
from tests.exports.links.test_api import linked
from tests.processes import free_port, until
from tests.themis_admin.jobs.conftest import Start, start
from themis_admin.accounts.models import User
from themis_admin.artifacts.models import Artifact, ArtifactRef
from themis_admin.storage.stores import FILES, store

__all__ = ["start"]


def test_a_download_goes_on_where_it_broke_off(as_alice: APIClient, export: FileExport, lines: bytes) -> None:
    path = path_of(linked(as_alice, export=export.pk))
    etag = f'"{hashlib.sha256(lines).hexdigest()}"'
    rest = get(path, Range="bytes=100-", If_Range=etag)
    assert (rest.status_code, body(rest)) == (206, lines[100:])
    assert rest["Content-Range"] == f"bytes 100-{len(lines) - 1}/{len(lines)}"
    assert rest["Content-Length"] == str(len(lines) - 100)
    assert body(get(path, Range="bytes=-10")) == lines[-10:]
    changed = get(path, Range="bytes=100-", If_Range='"other"')
    assert (changed.status_code, body(changed)) == (200, lines)
    over = get(path, Range=f"bytes={len(lines)}-")
    assert (over.status_code, over["Content-Range"]) == (416, f"bytes */{len(lines)}")
    known = get(path, If_None_Match=etag)
    assert (known.status_code, body(known)) == (304, b"")
    head = Client().head(path, headers={"Range": "bytes=5-"})
    assert (head.status_code, head["Content-Length"], body(head)) == (200, str(len(lines)), b"")


def test_downloads_are_counted_where_they_begin(
    as_alice: APIClient, export: FileExport, lines: bytes
) -> None:
    link = linked(as_alice, export=export.pk, max_downloads=2)
    path = path_of(link)
    assert get(path, Range="bytes=10-").status_code == 404  # nothing was begun that could go on
    assert body(get(path)) == lines
    for _ in range(3):  # questions count as nothing
        assert Client().head(path).status_code == 200
        assert get(path, If_None_Match="*").status_code == 304
    assert body(get(path, Range="bytes=10-")) == lines[10:]
    assert body(get(path)) == lines
    assert get(path).status_code == 404
    assert get(path, Range="bytes=0-").status_code == 404
    assert LinkUse.objects.get().num_downloads == 2
    assert get(f"{path}/manifest.json").status_code == 200  # each file has its own count


def test_going_on_is_no_way_round_the_limit(as_alice: APIClient, export: FileExport, lines: bytes) -> None:
    path = path_of(linked(as_alice, export=export.pk, max_downloads=1))
    assert body(get(path)) == lines
    answers = [get(path, Range="bytes=1-") for _ in range(10)]
    assert [each.status_code for each in answers] == [206, 206] + [404] * 8


def test_a_look_at_the_file_and_its_download_are_one(
    as_alice: APIClient, export: FileExport, lines: bytes
) -> None:
    path = path_of(linked(as_alice, export=export.pk, max_downloads=1))
    assert body(get(path, Range="bytes=0-0")) == lines[:1]
    elsewhere = Client(REMOTE_ADDR="10.0.0.9")
    assert elsewhere.get(path).status_code == 404
    assert body(get(path)) == lines
    assert get(path).status_code == 404
    assert LinkUse.objects.get().num_downloads == 1


def test_several_files_are_listed_and_linked_each(make: Make, as_alice: APIClient) -> None:
    export = make(dataset="Gesetze", file={"type": "jsonl", "max_bytes": 200})
    link = linked(as_alice, export=export.pk)
    page = body(get(path_of(link))).decode()
    assert len(link["files"]) > 2
    for file in link["files"]:
        path = file["url"].removeprefix("http://testserver")
        assert f'href="{path}"' in page
        assert hashlib.sha256(body(get(path))).hexdigest() == file["sha256"]
    assert get(f"{path_of(link)}/nothing.jsonl").status_code == 404


SIZE = 3_000_000_000


def anonymous(pid: int) -> int:
    """The process's own memory in bytes, without what it has mapped from files."""
    (line,) = (
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("RssAnon")
    )
    return int(line.split()[1]) * 1024


@pytest.fixture
def huge(alice: User) -> Artifact:
    """A file of 3 GB that needs no room on the disk; its digest is not that of its bytes."""
    artifact: Artifact = Artifact.objects.create(
        digest="ab" * 32, num_bytes=SIZE, content_type="application/x-ndjson", kind=FILES
    )
    artifact.path.parent.mkdir(parents=True, exist_ok=True)
    with artifact.path.open("wb") as file:
        file.truncate(SIZE)
        file.seek(SIZE - 4)
        file.write(b"end\n")
    ArtifactRef.objects.create(artifact=artifact, owner=alice, keeper="exports/1", name="huge.jsonl")
    return artifact


@pytest.mark.django_db(transaction=True)
def test_a_download_of_3_gb_takes_no_memory_and_goes_on_after_a_restart(
    start: Start, huge: Artifact, alice: User, tmp_path: Path
) -> None:
    path = links.path_of(links.create_link(user=alice, artifact=huge, max_downloads=1))
    port = free_port()
    url = f"http://127.0.0.1:{port}{path}"

    def serve() -> subprocess.Popen[bytes]:
        server = start("web", PORT=str(port))
        until(lambda: answers(port), what="the web server answers")
        return server

    server = serve()
    with requests.get(f"http://127.0.0.1:{port}/d/nonsense", timeout=30) as warm:
        assert warm.status_code == 404
    before = anonymous(server.pid)
    most, taken = 0, 0
    with requests.get(url, stream=True, timeout=30) as response:
        assert response.headers["Content-Length"] == str(SIZE)
        for number, piece in enumerate(response.iter_content(8 << 20)):
            taken += len(piece)
            if number % 10 == 0:
                most = max(most, anonymous(server.pid))
            if taken > SIZE * 2 // 3:
                break
    assert most - before < 50_000_000, (before, most)

    server.kill()
    server.wait()
    serve()
    rest = requests.get(url, headers={"Range": f"bytes={taken}-"}, stream=True, timeout=30)
    assert rest.status_code == 206
    tail = b""
    for piece in rest.iter_content(8 << 20):
        taken, tail = taken + len(piece), piece[-4:]
    assert (taken, tail) == (SIZE, b"end\n")
    assert requests.get(url, timeout=30).status_code == 404  # it was the one download


@pytest.mark.django_db(transaction=True)
def test_curl_goes_on_with_half_a_file(start: Start, huge: Artifact, alice: User, tmp_path: Path) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    content = random.Random(1).randbytes(3_000_000)
    small, digest = tmp_path / "small", hashlib.sha256(content).hexdigest()
    small.write_bytes(content)
    store().publish_file(small, kind=FILES, digest=digest)
    row = Artifact.objects.create(digest=digest, num_bytes=len(content), content_type="text/plain")
    ArtifactRef.objects.create(artifact=row, owner=alice, keeper="exports/2", name="small.bin")
    path = links.path_of(links.create_link(user=alice, artifact=row))
    port = free_port()
    start("web", PORT=str(port))
    until(lambda: answers(port), what="the web server answers")
    half = tmp_path / "half"
    half.write_bytes(content[:1_234_567])
    url = f"http://127.0.0.1:{port}{path}"
    subprocess.run([curl, "-sS", "--fail", "-C", "-", "-o", str(half), url], check=True, timeout=60)
    assert hashlib.sha256(half.read_bytes()).hexdigest() == digest
    connection.close()
