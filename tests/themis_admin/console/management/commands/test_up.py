"""`manage.py up`: everything with one command, restarted when it dies, gone when it is told to go."""

import json
import os
import signal
import stat
import urllib.request
from pathlib import Path

import pytest

from tests.processes import alive, descendants, until
from tests.running import Running
from tests.themis_admin.console.conftest import refused


def test_the_first_run_leaves_a_login_a_token_and_themes_that_stream(running: Running) -> None:
    path = running.data / "first-run.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((running.data / "secret-key").stat().st_mode) == 0o600
    first_run = json.loads(path.read_text())
    assert first_run.keys() == {"url", "username", "password", "token", "dataset", "themes"}
    assert first_run["url"] == running.url
    until(lambda: "curl" in running.said())
    said = running.said()
    assert first_run["url"] in said
    assert first_run["password"] in said
    request = urllib.request.Request(
        f"{running.url}/api/export/jsonl_llm/stream",
        data=json.dumps({"theme": first_run["themes"][0]}).encode(),
        headers={"Authorization": f"Bearer {first_run['token']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as stream:
        count = int(stream.headers["X-Themis-Num-Samples"])
        lines = [json.loads(line) for line in stream]
    assert len(lines) == count > 100
    assert lines[0].keys() >= {"instruction", "output", "weight"}


def test_it_is_served_to_this_machine_alone(running: Running) -> None:
    sockets = Path("/proc/net/tcp").read_text().splitlines()[1:]
    local = {line.split()[1] for line in sockets if line.split()[3] == "0A"}
    assert f"0100007F:{running.port:04X}" in local
    assert f"00000000:{running.port:04X}" not in local


def test_a_second_one_on_the_same_folder_is_refused(running: Running) -> None:
    said = refused(running.data, running.port + 1)
    assert str(running.data) in said
    assert str(running.pid) in said
    assert "DATA=" in said
    assert running.answers()


def test_a_port_that_is_taken_is_told_with_a_way_out(running: Running, tmp_path: Path) -> None:
    said = refused(tmp_path / "other", running.port)
    assert f"Port {running.port}" in said
    assert "PORT=" in said


@pytest.mark.parametrize("name", ["web", "worker", "sweeper", "valkey"])
def test_what_is_killed_is_started_again(running: Running, name: str) -> None:
    before = running.children()[name]
    os.kill(before, signal.SIGKILL)
    until(lambda: running.children().get(name, before) != before, what=f"a new {name}")
    until(running.answers)
    assert f"{name} ended with -9" in running.said()


def test_jobs_still_run_after_all_that(running: Running) -> None:
    token = json.loads((running.data / "first-run.json").read_text())["token"]
    headers = {"Authorization": f"Bearer {token}"}

    def call(path: str, data: bytes | None = None, **more: str) -> dict[str, object]:
        request = urllib.request.Request(f"{running.url}{path}", data=data, headers={**headers, **more})
        with urllib.request.urlopen(request) as answer:
            document: dict[str, object] = json.load(answer)
        return document

    dataset = call("/api/v1/datasets/", b'{"name": "After"}', **{"Content-Type": "application/json"})
    part = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n{"n": 1}\r\n--x--\r\n'
    )
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    job = call(f"/api/v1/datasets/{dataset['id']}/versions/", part, **kind)["job"]
    assert isinstance(job, dict)
    url = str(job["url"])
    until(lambda: call(url)["state"] not in ("queued", "running"))
    done = call(url)
    assert done["state"] == "succeeded", done


def test_it_stops_within_seconds_and_goes_on_where_it_was(running: Running) -> None:
    first_run = json.loads((running.data / "first-run.json").read_text())
    assert running.stop(by=signal.SIGINT) == 0
    assert not running.answers()
    running.start()
    running.up()
    assert json.loads((running.data / "first-run.json").read_text()) == first_run
    assert running.said().count("Making the demo dataset") == 1
    assert running.said().count(first_run["password"]) == 1, "later starts print no secrets"


def test_killed_itself_it_leaves_no_process_and_no_folder(running: Running) -> None:
    assert running.process is not None
    pool = os.cpu_count() or 1
    until(
        lambda: len(descendants(running.pid)) >= 5 + pool, what="valkey, worker with its pool, sweeper, web"
    )
    family = descendants(running.pid)
    socket = _socket_folder(running)
    running.process.kill()
    running.process.wait()
    until(lambda: not any(alive(pid) for pid in family), what="all go with it")
    running.start()
    running.up()
    assert not socket.exists(), "what a killed run left in /tmp is removed by the next one"


def _socket_folder(running: Running) -> Path:
    command = Path(f"/proc/{running.children()['worker']}/environ").read_text().split("\0")
    url = next(value for value in command if value.startswith("REDIS_URL="))
    return Path(url.removeprefix("REDIS_URL=unix://")).parent
