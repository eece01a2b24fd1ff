"""What the client's tests share: a client of the live server, and a stream in one piece to compare with."""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.running import Running
from tests.themisdb_datasets.proxy import Proxy
from themisdb_datasets import Backoff, Client
from themisdb_datasets.commands import main

Themis = Callable[..., Result]
QUICK = Backoff(shortest=0.01, longest=0.05, patience=20, first_patience=20)


def quick_client(proxy: Proxy, live: Running) -> Client:
    """A client that comes through the proxy and does not wait long between its attempts."""
    return Client(proxy.url, live.known["token"], backoff=QUICK)


@pytest.fixture
def query(live: Running) -> dict[str, Any]:
    return {"theme": live.known["themes"][0], "order": "shuffled", "seed": 7}


@pytest.fixture
def whole(live: Running, query: dict[str, Any]) -> bytes:
    """The stream in one piece, read by nothing of ours."""
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=60)
    headers = {"Authorization": f"Bearer {live.known['token']}", "Content-Type": "application/json"}
    with closing(connection):
        connection.request("POST", "/api/export/jsonl_llm/stream", json.dumps(query), headers)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read()


@pytest.fixture
def client(live: Running) -> Iterator[Client]:
    with Client(live.url, live.known["token"]) as client:
        yield client


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of one's own, in which one stands."""
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(result: Result) -> Any:
    """The document that a command printed."""
    return json.loads(result.stdout)


@pytest.fixture
def themis(live: Running, monkeypatch: pytest.MonkeyPatch) -> Themis:
    """Call the command, which is to end with this code."""
    monkeypatch.setenv("THEMIS_URL", live.url)
    monkeypatch.setenv("THEMIS_TOKEN", live.known["token"])

    def call(*arguments: str, code: int = 0, given: str | None = None) -> Result:
        result = CliRunner().invoke(main, list(arguments), input=given)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return call


@pytest.fixture(scope="module")
def index(live: Running) -> dict[str, Any]:
    """An index of all samples; its download is 8 MB."""
    with Client(live.url, live.known["token"]) as client:
        dataset = next(each for each in client.pages("datasets/") if each["name"] == live.known["dataset"])
        answer = client.post("indexes/", {"kind": "offsets", "version": dataset["latest"]["id"]})
        client.wait(answer["job"])
        found: dict[str, Any] = client.get(answer["index"]["url"])
    return found
