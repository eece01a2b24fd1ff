"""Signed links: whom they let in, how often, how long, and that a broken download goes on."""

import base64
import hashlib
import random
import shutil
import string
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from exports.links import downloads
from exports.links import services as links
from exports.models import FileExport, Link, LinkUse
from tests.conftest import client_of
from tests.exports.files.test_api import Make, client_answer, make
from tests.processes import free_port, until
from tests.themis_admin.jobs.conftest import Start, start
from themis_admin.accounts.models import AuditEntry, User
from themis_admin.artifacts.models import Artifact, ArtifactRef
from themis_admin.storage.stores import FILES, store

__all__ = ["make", "start"]
URL = "/api/v1/links/"


@pytest.fixture
def export(make: Make) -> FileExport:
    return make(theme="Lärm")


@pytest.fixture
def lines(export: FileExport) -> bytes:
    """What is in the export's file."""
    return bytes(export.refs()[0].artifact.path.read_bytes())


@pytest.fixture(autouse=True)
def _nobody_guessed() -> None:
    downloads._misses.clear()


def linked(client: APIClient, **body: Any) -> Any:
    """A new link, as it is answered."""
    response = client.post(URL, body, format="json")
    assert response.status_code == 201, response.json()
    return response.json()


def path_of(link: Any) -> str:
    return str(link["url"].removeprefix("http://testserver"))


def get(path: str, **headers: str) -> Any:
    """Ask as somebody without login."""
    return Client().get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def body(response: Any) -> bytes:
    return b"".join(response) if response.streaming else response.content


def test_a_link_needs_no_login_and_says_what_it_sends(
    as_alice: APIClient, export: FileExport, lines: bytes
) -> None:
    link = linked(as_alice, export=export.pk, note="for the trainer")
    response = get(path_of(link))
    assert (response.status_code, body(response)) == (200, lines)
    digest = hashlib.sha256(lines).digest()
    assert response["Digest"] == f"sha-256={base64.b64encode(digest).decode()}"
    assert response["ETag"] == f'"{digest.hex()}"'
    assert response["Content-Length"] == str(len(lines))
    assert response["Accept-Ranges"] == "bytes"
    assert response["Content-Type"] == "application/x-ndjson"
    assert 'filename="gesetze-1-larm.jsonl"' in response["Content-Disposition"]
    assert not response.cookies
    (file, manifest) = link["files"]
    assert body(get(file["url"].removeprefix("http://testserver"))) == lines
    assert b'"plan"' in body(get(manifest["url"].removeprefix("http://testserver")))


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


def test_a_thousand_altered_tokens_open_nothing(as_alice: APIClient, export: FileExport) -> None:
    token = path_of(linked(as_alice, export=export.pk)).removeprefix("/d/")
    other = path_of(linked(as_alice, export=export.pk)).removeprefix("/d/")
    letters = string.ascii_letters + string.digits + "-_"
    rng = random.Random(4)
    altered = {
        token[:-1],
        token + "A",
        token.swapcase(),
        token[16:] + token[:16],
        token[:16] + other[16:],
        "",
        "x",
    }
    altered |= {token[:at] + token[at + 1 :] for at in range(len(token))}
    for at in range(len(token)):
        altered |= {token[:at] + letter + token[at + 1 :] for letter in rng.sample(letters, 21)}
    while len(altered) < 1_100:
        altered.add("".join(rng.choices(letters, k=48)))
    altered -= {token, other}
    assert len(altered) >= 1_000
    shapes = set()
    for each in altered:
        response = get(f"/d/{each}")
        shapes.add((response.status_code, body(response), tuple(sorted(response.headers.items()))))
    assert {status for status, _, _ in shapes} == {404}
    assert not LinkUse.objects.exists()
    assert get(f"/d/{token}").status_code == 200


def test_only_the_owner_can_tell_why_a_link_is_refused(as_alice: APIClient, export: FileExport) -> None:
    made = {
        name: linked(as_alice, export=export.pk, max_downloads=1) for name in ("revoked", "expired", "used")
    }
    assert as_alice.delete(f"{URL}{made['revoked']['id']}/").status_code == 204
    Link.objects.filter(pk=made["expired"]["id"]).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert body(get(path_of(made["used"])))
    answers = [get(path_of(link)) for link in made.values()]
    answers += [get(path_of(made["used"])[:-1] + "!"), get("/d/nonsense"), get("/d/nonsense/more/of it")]
    answers.append(get(f"{path_of(made['revoked'])}/manifest.json"))
    shapes = {(each.status_code, each.content, tuple(sorted(each.headers.items()))) for each in answers}
    assert len(shapes) == 1
    assert answers[0].status_code == 404
    states = {link["id"]: link["state"] for link in client_answer(as_alice, URL)["results"]}
    assert [states[made[name]["id"]] for name in made] == ["revoked", "expired", "active"]
    used = client_answer(as_alice, f"{URL}{made['used']['id']}/")
    assert (used["num_downloads"], used["max_downloads"]) == (1, 1)


def test_a_link_ends_with_its_export(as_alice: APIClient, export: FileExport) -> None:
    link = linked(as_alice, export=export.pk)
    as_alice.delete(f"/api/v1/exports/{export.pk}/?break_links=true")
    assert get(path_of(link)).status_code == 404
    assert client_answer(as_alice, f"{URL}{link['id']}/")["state"] == "removed"


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


def test_each_use_is_in_the_audit_log(as_alice: APIClient, export: FileExport, lines: bytes) -> None:
    link = linked(as_alice, export=export.pk, note="Bob")
    body(get(path_of(link)))
    body(get(path_of(link), Range="bytes=5-"))
    Client().head(path_of(link))
    uses = client_answer(as_alice, f"{URL}{link['id']}/")["uses"]
    assert [(use["start"], use["num_bytes"], use["ip"]) for use in uses] == [
        (5, len(lines) - 5, "127.0.0.1"),
        (0, len(lines), "127.0.0.1"),
    ]
    kinds = AuditEntry.objects.filter(action__startswith="link.").values_list("action", flat=True)
    assert sorted(kinds) == ["link.created", "link.used", "link.used"]


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


def test_an_artifact_downloads_the_same_way(
    as_alice: APIClient, export: FileExport, lines: bytes, alice: User
) -> None:
    artifact = export.refs()[0].artifact
    for url in (f"/api/v1/artifacts/{artifact.pk}", artifact.url):
        response: Any = as_alice.get(url, headers={"Range": "bytes=3-7"})
        assert (response.status_code, body(response)) == (206, lines[3:8])
        assert response["Digest"].startswith("sha-256=")
    session = Client()
    session.force_login(alice)
    assert body(session.get(artifact.url)) == lines
    about = client_answer(as_alice, f"{artifact.url}about/")
    assert (about["sha256"], about["kept_by"][0]["keeper"]) == (artifact.digest, export.url)
    assert Client().get(artifact.url).status_code == 401
    link = linked(as_alice, artifact=artifact.pk)
    assert body(get(path_of(link))) == lines


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ({}, 400, "export"),
        ({"export": 1, "artifact": 1}, 400, "export"),
        ({"export": 999_999}, 404, "export"),
        ({"artifact": 999_999}, 404, "artifact"),
        ({"export": "x"}, 400, "export"),
        ({"export": -1}, 400, "export"),
        ({"export": 1, "expires_in": 0}, 400, "expires_in"),
        ({"export": 1, "expires_in": "1d"}, 400, "expires_in"),
        ({"export": 1, "max_downloads": 0}, 400, "max_downloads"),
        ({"export": 1, "note": "x" * 501}, 400, "note"),
        ({"export": 1, "expire_in": 5}, 400, "expire_in"),
    ],
)
def test_bad_links_name_the_field(
    as_alice: APIClient, asked: dict[str, Any], status: int, field: str
) -> None:
    response = as_alice.post(URL, asked, format="json")
    assert (response.status_code, list(response.json()["fields"])) == (status, [field]), response.json()


def test_what_cannot_be_linked_is_refused(as_alice: APIClient, export: FileExport, bob: User) -> None:
    too_long = as_alice.post(URL, {"export": export.pk, "expires_in": 10**9}, format="json")
    assert (too_long.status_code, too_long.json()["code"]) == (422, "expires_too_late")
    queued = as_alice.post("/api/v1/exports/", {"theme": "Lärm"}, format="json").json()["export"]["id"]
    early = as_alice.post(URL, {"export": queued}, format="json")
    assert (early.status_code, early.json()["code"]) == (409, "export_unfinished")
    as_bob = client_of(bob, "admin")
    assert as_bob.post(URL, {"export": export.pk}, format="json").status_code == 404
    link = linked(as_alice, export=export.pk)
    assert as_bob.get(f"{URL}{link['id']}/").status_code == 404
    assert as_bob.delete(f"{URL}{link['id']}/").status_code == 404
    assert client_answer(as_bob, URL)["results"] == []
    reader = client_of(export.owner, "read")
    assert reader.post(URL, {"export": export.pk}, format="json").status_code == 403
    assert as_alice.delete(f"{URL}{link['id']}/").status_code == 204
    assert as_alice.delete(f"{URL}{link['id']}/").status_code == 409


def test_guessing_is_slowed_down_and_nobody_else_is(
    as_alice: APIClient, export: FileExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MISSES", 5)
    path = path_of(linked(as_alice, export=export.pk))
    assert [get("/d/nonsense").status_code for _ in range(7)] == [404] * 5 + [429] * 2
    assert get("/d/nonsense")["Retry-After"]
    assert get(path).status_code == 200  # a link that works still does
    elsewhere = Client(REMOTE_ADDR="10.0.0.9")
    assert elsewhere.get("/d/nonsense").status_code == 404


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


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health/live", timeout=2).ok
    except requests.RequestException:
        return False


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
