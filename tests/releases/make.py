"""Makes a data folder of this release that has one of everything, and packs it for the tests of later ones.

usage: .venv/bin/python -m tests.releases.make NAME      writes tests/releases/NAME.tar.gz; once a release, and for good
"""

import hashlib
import json
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import httpx

from tests.processes import stop, until
from tests.running import Running, user_environment

HERE = Path(__file__).parent
EXPECTED = "expected.json"
SPLIT = {"parts": [{"name": "train", "fraction": 0.9}, {"name": "test", "fraction": 0.1}]}
SAMPLES = [
    {"id": n, "law": ("BImSchG", "DSGVO")[n % 2], "question": f"Was sagt § {n}?", "answer": "Lärm " * (n + 1),
     "content": f"§ {n} sagt etwas über {('Lärm', 'Daten')[n % 2]}.", "amended": f"20{n % 20:02}-01-01"}
    for n in range(40)
]  # fmt: skip
TOKENIZER: dict[str, Any] = {
    "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
    "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
    "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "</s>": 1, "sagt": 2, "etwas": 3}, "unk_token": "[UNK]"},
}  # fmt: skip

MAKE_TOKEN = """
from themis_admin.accounts import services
from themis_admin.accounts.models import User
admin = User.objects.create_superuser("admin", password="of a data folder in the tests")
print(services.create_token(admin, name="tests", scopes=["read", "write", "export"])[1])
"""


class Api:
    """A running Themis, asked with the first run's token."""

    def __init__(self, running: Running, token: str) -> None:
        self._http = httpx.Client(
            base_url=running.url, headers={"Authorization": f"Bearer {token}"}, timeout=60
        )

    def get(self, path: str) -> Any:
        return self._http.get(f"/api/v1/{path}").raise_for_status().json()

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        answer = self._http.post(f"/api/v1/{path}", json=body, **options)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def put(self, path: str, body: Any) -> None:
        self._http.put(f"/api/v1/{path}", json=body).raise_for_status()

    def patch(self, path: str, body: Any) -> None:
        self._http.patch(f"/api/v1/{path}", json=body).raise_for_status()

    def done(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Wait for the job of an answer; what became of it."""
        path = f"jobs/{answer['job']['id']}/"
        until(lambda: self.get(path)["state"] not in ("queued", "running"), what=f"{path} ends")
        job: dict[str, Any] = self.get(path)
        assert job["state"] == "succeeded", job
        return job

    def content(self, path: str) -> bytes:
        return self._http.get(path, follow_redirects=True).raise_for_status().content

    def stream(self, body: dict[str, Any]) -> httpx.Response:
        return self._http.post("/api/export/jsonl_llm/stream", json=body).raise_for_status()


def make_token(running: Running) -> str:
    """A token of the administrator's, as the first run of an installation makes one."""
    made = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", MAKE_TOKEN],
        cwd=running.root,
        env=user_environment(DATA=str(running.data)),
        check=True,
        capture_output=True,
        text=True,
    )
    return made.stdout.strip()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def looked_at(api: Api, expected: dict[str, Any]) -> dict[str, str]:
    """What a later release has to answer alike, by digest: a stream that goes on, and the files that were made."""
    return {
        "stream": digest(api.stream({"cursor": expected["cursor"]}).content),
        "samples": digest(
            json.dumps(api.get(f"versions/{expected['version']}/samples/")["results"]).encode()
        ),
        "snapshot": digest(api.content(f"/api/v1/snapshots/{expected['snapshot']}/download")),
        "offsets": digest(api.content(f"/api/v1/indexes/{expected['offsets']}/download/")),
        "tokens": digest(api.content(f"/api/v1/indexes/{expected['tokens']}/download/")),
        "export": digest(api.content(expected["file"])),
    }


def fill(api: Api) -> dict[str, Any]:
    """One of everything."""
    dataset = api.post(
        "datasets/", {"name": "Gesetze", "key_field": "id", "timestamp_field": "amended", "split": SPLIT}
    )["id"]
    for part, mode in ((SAMPLES[:30], "append"), (SAMPLES[20:], "upsert")):
        lines = "".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in part)
        files = {"file": ("samples.jsonl", lines.encode() + b"{broken\n")}
        job = api.done(api.post(f"datasets/{dataset}/versions/", data={"mode": mode}, files=files))
    version = job["result"]["version"]
    where = {"field": "law", "op": "eq", "value": "BImSchG"}
    api.post(f"datasets/{dataset}/themes/", {"name": "Lärm", "where": where})
    rule = {"name": "Neu", "kind": "freshness", "field": "amended", "half_life_days": 365}
    api.post(f"datasets/{dataset}/weighting-rules/", rule)
    api.put(f"datasets/{dataset}/labels/gut/", {"version": version})
    tokenizer = api.post(
        "tokenizers/",
        data={"name": "Wörter"},
        files={"file": ("tokenizer.json", json.dumps(TOKENIZER).encode())},
    )["id"]
    made = {"dataset": dataset, "version": version}
    for name, path, body in (
        ("snapshot", "snapshots/", {"version": version, "theme": "Lärm", "weighting_rules": ["Neu"]}),
        ("offsets", "indexes/", {"kind": "offsets", "version": version, "theme": "Lärm"}),
        ("tokens", "indexes/", {"kind": "tokens", "version": version, "tokenizer": tokenizer,
                                "text_field": "content", "sample_size": 8, "eos_token": "</s>"}),
        ("export", "exports/", {"theme": "Lärm", "file": {"type": "jsonl"}}),
    ):  # fmt: skip
        answer = api.post(path, body)
        api.done(answer)
        made[name] = answer[path.rstrip("s/").replace("indexe", "index")]["id"]
    stream = api.stream({"theme": "Lärm", "order": "weighted", "seed": 7, "weighting": {"rules": ["Neu"]}})
    plan = stream.headers["X-Themis-Plan"]
    items = [{"cursor": f"{plan}.{n}", "loss": n / 7} for n in range(5)]
    api.post("feedback/", {"run": "lauf", "items": items})
    (run,) = api.get("feedback/")["results"]
    api.done(
        api.post(f"feedback/{run['id']}/weighting/", {"name": "Schwer"}, headers={"Idempotency-Key": "once"})
    )
    api.post("uploads/", {"filename": "later.jsonl", "num_bytes": 100})
    # For good, as the tests of releases in years to come will look for it; the link is there, and will have expired.
    api.patch(f"exports/{made['export']}/", {"keep_days": None})
    link = api.post("links/", {"export": made["export"], "expires_in": 3600})
    api.content(link["files"][0]["url"])
    file = next(
        each for each in api.get(f"exports/{made['export']}/")["files"] if each["name"] != "manifest.json"
    )
    return {**made, "cursor": f"{plan}.3", "file": file["url"]}


def pack(data: Path, target: Path) -> None:
    """What has to last of a data folder: the database as one file, and all that is stored."""
    with sqlite3.connect(data / "themis.sqlite3") as database:
        database.execute("PRAGMA journal_mode=DELETE")
        database.commit()
        database.execute("VACUUM")
    with tarfile.open(target, "w:gz", compresslevel=9) as archive:
        for name in ("themis.sqlite3", "secret-key", "storage", EXPECTED):
            archive.add(data / name, name)


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        running = Running(Path(folder) / "data", arguments=("--no-demo",))
        running.start(THEMIS_MIN_FREE_BYTES="0")
        try:
            running.up()
            token = make_token(running)
            api = Api(running, token)
            expected = fill(api)
            expected |= {"token": token, "digests": looked_at(api, expected)}
        finally:
            assert running.process is not None
            stop(running.process)
        (running.data / EXPECTED).write_text(json.dumps(expected, indent=1))
        pack(running.data, HERE / f"{name}.tar.gz")


if __name__ == "__main__":
    main(*sys.argv[1:])
