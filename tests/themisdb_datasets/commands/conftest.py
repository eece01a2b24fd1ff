"""What the tests of commands share."""

from typing import Any

import pytest

from tests.running import Running
from themisdb_datasets import Client


@pytest.fixture(scope="module")
def made(live: Running) -> dict[str, dict[str, Any]]:
    """A snapshot, an index and an export of three files."""
    with Client(live.url, live.known["token"]) as client:
        theme = next(iter(client.pages("themes/")))
        dataset = client.get(f"datasets/{theme['dataset']}/")
        version = dataset["latest"]["id"]
        asked = {
            "snapshot": ("snapshots/", {"version": version, "theme": theme["id"]}),
            "index": ("indexes/", {"kind": "offsets", "version": version}),
            "export": ("exports/", {"dataset": dataset["id"], "file": {"max_bytes": 2_000_000}}),
        }
        answers = {kind: client.post(path, body) for kind, (path, body) in asked.items()}
        for each in answers.values():
            client.wait(each["job"])
        return {kind: client.get(each[kind]["url"]) for kind, each in answers.items()}
