"""The first run: an administrator, a token and a demo dataset, ingested by the same job as anybody's file."""

import io
import json
import os
import secrets
import tempfile
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from themis_admin.accounts import services as accounts
from themis_admin.accounts.models import ApiToken, User
from themis_admin.console.demo.corpus import THEMES, write_corpus
from themis_admin.console.supervisor import Say
from themis_admin.datasets import services as datasets
from themis_admin.datasets.ingest import services as ingest
from themis_admin.datasets.models import Dataset, Upload
from themis_admin.datasets.themes import services as themes
from themis_admin.datasets.uploads import services as uploads
from themis_admin.jobs.models import Job
from themisdb_datasets.artifacts import place_file
from themisdb_datasets.errors import ConflictError, ThemisError

FILE = "first-run.json"
UNFINISHED = ".first-run.json"  # what an interrupted first run has already given out
DATASET = "Rechtskorpus (Demo)"
DESCRIPTION = (
    "Fragen und Antworten zu Rechtsprechung, Immissionsschutz und Datenschutz. "
    "Ein Beispielkorpus: die Texte sind erfunden und kein Rechtsrat."
)
USERNAME = "admin"
TOKEN_NAME = "first run"  # noqa: S105 - a name
PART = 8 * 1024 * 1024
PATIENCE = 600.0
FINISHED = ("succeeded", "failed", "cancelled")


def ensure_first_run(data_dir: Path, *, url: str, say: Say = print) -> dict[str, Any] | None:
    """Complete the first run of this data folder; answers what is in first-run.json, None where there is none.

    Interrupted at any point, the next start goes on where it left off. A folder that has users but no trace
    of a first run is somebody's own, and stays as it is. It needs a running worker; ThemisError says what
    went wrong.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    finished = data_dir / FILE
    if finished.exists():
        known: dict[str, Any] = json.loads(finished.read_text())
        return known
    unfinished = data_dir / UNFINISHED
    if not unfinished.exists():
        if User.objects.exists():
            return None
        # The password is written down before the account is made: killed in between, the next start makes the
        # account with this one. The other way round nobody would know it.
        _write(unfinished, {"username": USERNAME, "password": secrets.token_urlsafe(12)})
    login = json.loads(unfinished.read_text())
    user = _administrator(login["username"], login["password"])
    if "token" not in login:
        login["token"] = _token(user)
        _write(unfinished, login)
    dataset = _dataset(user)
    if dataset.latest_id is None:
        say("Making the demo dataset.")
        _ingest(dataset, user)
    for name, where in THEMES.items():
        if not dataset.themes.named(name).exists():
            themes.create_theme(dataset, user=user, name=name, where=where)
    _wait_for(url)
    first_run = {"url": url, **login, "dataset": dataset.name, "themes": list(THEMES)}
    # What stands in this file is true from the first moment on: it is
    # written last, and whoever waits for it can log in and stream.
    _write(finished, first_run)
    unfinished.unlink()
    return first_run


def renew_address(data_dir: Path, *, url: str) -> None:
    """Have first-run.json name the address of this start, which may be at another port."""
    path = data_dir / FILE
    if path.exists() and (known := json.loads(path.read_text()))["url"] != url:
        _write(path, {**known, "url": url})


def announcement(first_run: dict[str, Any]) -> str:
    """The login, and a line that streams."""
    body = json.dumps({"theme": first_run["themes"][0]}, ensure_ascii=False)
    return (
        f"Address   {first_run['url']}\n"
        f"Login     {first_run['username']} / {first_run['password']}\n"
        f"Token     {first_run['token']}\n\n"
        f"Stream the theme {first_run['themes'][0]}:\n\n"
        f"  curl -N {first_run['url']}/api/export/jsonl_llm/stream \\\n"
        f"    -H 'Authorization: Bearer {first_run['token']}' \\\n"
        f"    -H 'Content-Type: application/json' -d '{body}'\n"
    )


def _administrator(username: str, password: str) -> User:
    """The first administrator; made by an interrupted run, it has the password that this run gives out."""
    user = User.objects.filter(username=username).first()
    if user is None:
        return User.objects.create_superuser(username=username, password=password)
    return user


def _token(user: User) -> str:
    """A new token with all scopes; one whose secret was lost in an interruption goes."""
    with transaction.atomic():
        ApiToken.objects.filter(user=user, name=TOKEN_NAME).delete()
        _, secret = accounts.create_token(user, name=TOKEN_NAME, scopes=["read", "export", "write", "admin"])
    return secret


def _dataset(user: User) -> Dataset:
    dataset = Dataset.objects.filter(owner=user).named(DATASET).select_related("latest").first()
    if dataset is not None:
        return dataset
    return datasets.create_dataset(
        user=user,
        name=DATASET,
        description=DESCRIPTION,
        key_field="id",
        timestamp_field="created_at",
        field_mapping={
            "instruction_field": "question",
            "input_field": "context",
            "output_field": "answer",
            "text_field": "content",
        },
    )


def _ingest(dataset: Dataset, user: User) -> None:
    """Upload the corpus in parts and ingest it, or wait for the job that an interrupted run has left."""
    job = Job.objects.filter(lane=dataset.lane, state__in=("queued", "running")).first()
    if job is None:
        job = ingest.start_ingest(dataset, user=user, sources=[_upload(user)], note="The demo corpus")
    deadline = time.monotonic() + PATIENCE
    while job.state not in FINISHED:
        if time.monotonic() > deadline:
            message = f"The demo dataset's job is still {job.state} after 10 minutes; is a worker running?"
            raise ConflictError(message)
        time.sleep(0.2)
        job.refresh_from_db()
    if job.state != "succeeded":
        raise ThemisError(
            f"The demo dataset could not be made: {job.error or job.state} Start again to retry."
        )
    dataset.refresh_from_db()


def _upload(user: User) -> Upload:
    path = Path(settings.THEMIS.work_dir) / "rechtskorpus-demo.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_corpus(path, today=datetime.now(UTC).date())
    upload = uploads.open_upload(owner=user, filename=path.name, num_bytes=path.stat().st_size)
    with path.open("rb") as file:
        while part := file.read(PART):
            uploads.append_part(upload, offset=upload.received, part=io.BytesIO(part))
    path.unlink()
    return upload


def _wait_for(url: str) -> None:
    """Until the web process answers, so that whoever finds first-run.json can stream at once."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health/live", timeout=5) as answer:  # noqa: S310 - our own
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        if time.monotonic() > deadline:
            raise ConflictError(f"The web server at {url} does not answer.")
        time.sleep(0.2)


def _write(path: Path, document: dict[str, Any]) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".first-run-")  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, indent=2)
        file.write("\n")
    place_file(Path(name), path)
