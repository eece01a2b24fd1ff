"""A worker that is really killed in the middle of an ingest: the job ends right, once, with nothing half-visible."""

import os
import signal
from pathlib import Path

import pytest
from django.conf import settings

from tests.processes import descendants, until
from tests.themis_admin.datasets.conftest import write
from tests.themis_admin.jobs.conftest import Start, ended, reload, start
from themis_admin.accounts.models import User
from themis_admin.datasets.ingest import services
from themis_admin.datasets.models import Dataset, Shard, Upload, Version
from themis_admin.datasets.uploads import services as uploads
from themis_admin.jobs.models import Event, Job
from themisdb_datasets.artifacts import ArtifactStore
from themisdb_datasets.engine.shards.ingest import ingest
from themisdb_datasets.engine.sources.source import open_source
from themisdb_datasets.engine.versions.version import OpenVersion, version_digest

__all__ = ["start"]

pytestmark = pytest.mark.django_db(transaction=True)
SHARD_BYTES = 4_000_000
NUM_SAMPLES = 40_000


def upload_of(user: User, path: Path) -> Upload:
    upload = uploads.open_upload(owner=user, filename=path.name, num_bytes=path.stat().st_size)
    with path.open("rb") as file:
        while part := file.read(uploads.MAX_PART):
            uploads.append_part(upload, offset=upload.received, part=_Bytes(part))
    return upload


class _Bytes:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, size: int = -1, /) -> bytes:
        taken, self.content = self.content, b""
        return taken


def in_the_middle(job: Job, store: ArtifactStore) -> bool:
    """Whether some shards are on disk already and the job goes on."""
    row = reload(job)
    return row.state == "running" and sum(1 for _ in store.digests("shards")) >= 2


def test_an_ingest_whose_worker_is_killed_is_done_once_and_whole(
    start: Start, alice: User, dataset: Dataset, tmp_path: Path
) -> None:
    samples = ({"id": n, "law": "BImSchG", "text": f"Absatz {n} " * 200} for n in range(NUM_SAMPLES))
    path = write(tmp_path / "gesetze.jsonl", samples)
    store = ArtifactStore(settings.THEMIS.storage)
    job = services.start_ingest(dataset, user=alice, sources=[upload_of(alice, path)])

    worker = start("worker", THEMIS_SHARD_BYTES=str(SHARD_BYTES))
    until(lambda: in_the_middle(job, store), what="the ingest is in the middle")
    for pid in (worker.pid, *descendants(worker.pid)):
        os.kill(pid, signal.SIGKILL)
    dataset.refresh_from_db()
    assert reload(job).state == "running"  # nobody has noticed yet
    assert dataset.latest is None
    assert not Version.objects.exists()
    assert not Shard.objects.exists()

    start("worker", THEMIS_SHARD_BYTES=str(SHARD_BYTES))
    (row,) = ended(job, sweep=True)
    assert (row.state, row.lost_claims) == ("succeeded", 1), row.error
    version = Version.objects.get()
    dataset.refresh_from_db()
    assert dataset.latest == version
    assert row.result["version"] == version.pk
    assert (version.number, version.num_samples) == (1, NUM_SAMPLES)
    assert Event.objects.filter(kind="version.published").count() == 1
    assert not Upload.objects.exists()
    work = settings.THEMIS.work_dir / f"job-{job.pk}"
    until(lambda: not work.exists(), what="the work folder goes, just after the job has ended")
    (tmp_path / "again").mkdir()
    again = ingest(
        open_source(path, path.name), store=ArtifactStore(tmp_path / "store"), workdir=tmp_path / "again"
    )
    whole = [ArtifactStore(tmp_path / "store").shard_path(shard.digest) for shard in again.shards]
    assert version.digest == version_digest(OpenVersion.open(whole))
