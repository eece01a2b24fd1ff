"""A dataset of some 150 MB in a running Themis."""

import json
import random
from typing import Any

import requests

from tests.processes import until
from tests.running import Running

NUM_SAMPLES = 24_000
WORDS = 6_000  # characters of text a sample


def headers(live: Running) -> dict[str, str]:
    return {"Authorization": f"Bearer {live.known['token']}"}


def take_in(live: Running) -> dict[str, Any]:
    """Have a worker of the running Themis take it in; how to ask for all of it."""
    path = live.data.parent / "large.jsonl"
    text = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz äöü", k=4 * WORDS))
    with path.open("w") as file:
        for number in range(NUM_SAMPLES):
            begin = number % (3 * WORDS)
            sample = {"id": number, "content": text[begin : begin + WORDS]}
            file.write(json.dumps(sample, ensure_ascii=False) + "\n")
    api = f"{live.url}/api/v1"
    made = requests.post(f"{api}/datasets/", json={"name": "Large"}, headers=headers(live), timeout=30).json()
    answer = requests.post(
        f"{api}/datasets/{made['id']}/versions/", json={"path": str(path)}, headers=headers(live), timeout=30
    )
    assert answer.status_code == 202, answer.text
    job = answer.json()["job"]["url"]

    def ended() -> dict[str, Any] | None:
        row: dict[str, Any] = requests.get(f"{live.url}{job}", headers=headers(live), timeout=30).json()
        return row if row["state"] not in ("queued", "running") else None

    row = until(ended, what="the corpus is taken in")
    assert row is not None
    assert row["state"] == "succeeded", row
    path.unlink()
    return {"dataset": "Large", "format": "text_completion"}
