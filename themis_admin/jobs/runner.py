"""The runner: claims jobs, keeps their lease, and is the only writer of a job's state.

A claim raises the job's fence. Every later write of the claimant names the fence it got; once the lease was lost and
the fence raised by another, such a write finds no row and the claimant stops. So a job ends once, whoever dies when.
"""

import logging
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from themis_admin.jobs import events, hints
from themis_admin.jobs.models import UNENDED, Job, JobState
from themis_admin.jobs.rate import Rate
from themisdb_datasets.errors import CancelledError, ThemisError, is_disk_full

# A job that takes its worker down (out of memory, a crash in C) would otherwise be handed on for ever, and no
# other job would ever be done.
MAX_LOST_CLAIMS = 3
REPORT_SECONDS = 0.5
log = logging.getLogger(__name__)


class FencedError(Exception):
    """This claim was lost: another worker has the job, or nobody shall have it any more."""


@dataclass
class RunningJob:
    """What a job's function is given: where it works, and how it reports, logs and ends."""

    row: Job
    fence: int
    workdir: Path
    lost: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)
    finished: bool = False
    rate: Rate = field(default_factory=Rate)
    _reported: float = 0.0

    def __post_init__(self) -> None:
        self.rate.add(time.monotonic(), 0)  # so that the first report has a rate already

    @property
    def id(self) -> int:
        return self.row.pk

    @property
    def owner(self) -> AbstractBaseUser:
        return self.row.owner

    def check(self) -> None:
        """Raise CancelledError or FencedError where the job shall not go on."""
        if self.lost.is_set():
            raise FencedError
        if self.cancelled.is_set():
            raise CancelledError("The job was cancelled.")

    def report(self, done: int, total: int | None = None, *, unit: str = "bytes") -> None:
        """Tell how far the work is; written twice a second at most. Raises where the job shall not go on."""
        self.check()
        now = time.monotonic()
        self.rate.add(now, done)
        if now < self._reported + REPORT_SECONDS:
            return
        self._reported = now
        speed = self.rate.per_second
        eta = max(total - done, 0) / speed if total is not None and speed else None
        progress = {"done": done, "total": total, "unit": unit, "rate": speed, "eta_seconds": eta}
        with transaction.atomic():
            _write(self.row.pk, self.fence, **progress)
            events.record("job.progress", owner=self.owner, job=self.row, data=progress)
        # The lease's thread looks too, for work that does not report; here it is known sooner.
        if Job.objects.filter(pk=self.row.pk, cancel_requested=True).exists():
            self.cancelled.set()
        self.check()

    def log(self, text: str) -> None:
        """Add a line to the job's log."""
        events.record("job.log", owner=self.owner, job=self.row, data={"text": _storable(text)})

    @contextmanager
    def finishing(self, result: dict[str, Any]) -> Iterator[None]:
        """The transaction that ends the job: what is written inside becomes visible with it, or not at all.

        `result` may be added to inside. FencedError where the claim was lost.
        """
        with transaction.atomic():
            # First, because the update holds the row until the commit: a sweeper that wants to free this
            # claim waits, and then finds a job that has ended.
            _write(self.row.pk, self.fence, state=JobState.SUCCEEDED, **_ending())
            yield
            # After the block, which may have added to the result. Progress is written twice a second at most,
            # so the last figure is mostly short of the whole.
            Job.objects.filter(pk=self.row.pk).update(
                result=result, eta_seconds=None, done=Coalesce("total", "done")
            )
            _announce(self.row.pk, "job.succeeded")
        # Only after the commit: a transaction that fails leaves a job that has not ended.
        self.finished = True


JobFunction = Callable[..., None]
KINDS: dict[str, tuple[str, JobFunction]] = {}


def job_task(*, kind: str, queue: str = "default") -> Callable[[JobFunction], JobFunction]:
    """Register a function as the work of a kind of job: it is called with a RunningJob and the job's params."""

    def register(function: JobFunction) -> JobFunction:
        KINDS[kind] = (queue, function)
        return function

    return register


def run(job_id: int) -> None:
    """Claim a job and do its work; does nothing where it is somebody else's, has ended, or has to wait."""
    job = claim(job_id)
    if job is None:
        return
    stop = threading.Event()
    keeper = threading.Thread(target=_keep_lease, args=(job, stop), name=f"lease-{job.id}", daemon=True)
    keeper.start()
    try:
        _work(job)
    except FencedError:
        log.warning("job %s was taken over by another worker", job.id)
    finally:
        stop.set()
        keeper.join()
        shutil.rmtree(job.workdir, ignore_errors=True)  # only this claim's: another may be at work beside it
        if job.finished:  # otherwise another may just begin there
            with suppress(OSError):
                job.workdir.parent.rmdir()


def _work(job: RunningJob) -> None:
    _, function = KINDS[job.row.kind]
    try:
        job.workdir.mkdir(parents=True)
        function(job, **job.row.params)
        if not job.finished:
            with job.finishing(result={}):
                pass
    except FencedError:
        raise
    except CancelledError:
        _end(job, JobState.CANCELLED, "job.cancelled")
    except ThemisError as error:
        _end(job, JobState.FAILED, "job.failed", error=_storable(error.message), error_code=error.code)
    except Exception as error:
        log.exception("job %s failed", job.id)
        sentence, code = _told(error)
        with transaction.atomic():
            # Where the claim is lost, the log is the other worker's. And the row has to be held before the order of
            # events is, as everywhere: the other way round two transactions could wait for each other.
            _write(job.id, job.fence, rate=None)
            job.log(traceback.format_exc())
            _end(job, JobState.FAILED, "job.failed", error=sentence, error_code=code)


def _told(error: Exception) -> tuple[str, str]:
    """What a job says of an error that nobody expected, and its code."""
    if is_disk_full(error):
        return "The disk is full, so the job was ended. Free some space, then retry it.", "no_space"
    return f"An internal error ended the job ({type(error).__name__}); its log says more.", "internal"


def claim(job_id: int) -> RunningJob | None:
    """Take a queued job whose turn it is; None otherwise."""
    with transaction.atomic():
        queued = Job.objects.select_related("owner").filter(pk=job_id, state=JobState.QUEUED)
        row = queued.first()
        if row is None:
            return None
        if row.kind not in KINDS:
            log.error("job %s has to wait: this worker's release does not know the kind %r", job_id, row.kind)
            return None
        if row.lane and not _is_next(row):
            return None
        now = timezone.now()
        # The update is the claim: of several workers that have read the same row one changes it.
        claimed = queued.filter(fence=row.fence).update(
            state=JobState.RUNNING,
            fence=F("fence") + 1,
            lease_until=now + lease(),
            started_at=row.started_at or now,
            done=0,
        )
        if not claimed:
            return None
        row.refresh_from_db()  # while it is held: the fence is this claim's, and of none that came after
        _announce(job_id, "job.started")
    # A folder a claim, for the claimant before may be frozen instead of dead, and go on writing where it was.
    workdir = settings.THEMIS.work_dir / f"job-{row.pk}" / str(row.fence)
    for left in workdir.parent.glob("*"):
        if left.name.isdigit() and int(left.name) < row.fence:
            shutil.rmtree(left, ignore_errors=True)  # by an earlier claim
    return RunningJob(row, row.fence, workdir)


def _is_next(row: Job) -> bool:
    """Whether it is a queued job's turn in its lane; until the end of the transaction no other of the lane is claimed.

    Jobs may become visible out of order, so one that runs already has to be waited for even if it is the younger one.
    """
    # Two workers that claim two jobs of a lane hold different rows, so neither
    # would wait for the other, and both would find the lane free. On SQLite
    # transactions wait for each other from their start (see settings.SQLITE).
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"themis.lane:{row.lane}"]
            )
    before = Q(state=JobState.RUNNING) | Q(state=JobState.QUEUED, pk__lt=row.pk)
    return not Job.objects.filter(before, lane=row.lane).exists()


def lease() -> timedelta:
    """How long a claim holds without being renewed."""
    return timedelta(seconds=settings.THEMIS.lease_seconds)


def _keep_lease(job: RunningJob, stop: threading.Event) -> None:
    """Renew the lease while the work goes on, and see whether it was cancelled; runs in a thread of its own."""
    try:
        # Four renewals may fail before the lease runs out.
        while not stop.wait(settings.THEMIS.lease_seconds / 5):
            mine = Job.objects.filter(pk=job.id, fence=job.fence, state=JobState.RUNNING)
            try:
                if not mine.update(lease_until=timezone.now() + lease()):
                    if not job.finished:
                        job.lost.set()
                    return
                if mine.filter(cancel_requested=True).exists():
                    job.cancelled.set()
            except (DatabaseError, InterfaceError) as error:
                # Tried again, on a new connection; if it lasts, the lease runs out and the fence protects.
                log.warning("the lease of job %s was not renewed: %s", job.id, error)
                connection.close()
    finally:
        connection.close()


def _write(job_id: int, fence: int, **values: Any) -> None:
    """Write to a running job while the fence holds."""
    if not Job.objects.filter(pk=job_id, fence=fence, state=JobState.RUNNING).update(**values):
        raise FencedError


def _storable(text: str) -> str:
    """The text without U+0000, which PostgreSQL cannot keep."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _ending() -> dict[str, Any]:
    return {"finished_at": timezone.now(), "lease_until": None}


def _end(job: RunningJob, state: JobState, kind: str, **values: Any) -> None:
    with transaction.atomic():
        _write(job.id, job.fence, state=state, eta_seconds=None, **_ending(), **values)
        _announce(job.id, kind)
    job.finished = True


def _announce(job_id: int, kind: str) -> None:
    """Record the event of a change of state, and call the next job of the lane where this one ended."""
    # Read again within the transaction of the change, so that what is told is what will be kept.
    row = Job.objects.select_related("owner").get(pk=job_id)
    events.record(kind, owner=row.owner, job=row, data=row.to_dict())
    if row.ended and row.lane:
        transaction.on_commit(partial(_call_next, row.lane), robust=True)


def _call_next(lane: str) -> None:
    """Call the next job of a lane, which is looked for when the end of the one before it can be seen.

    One that is queued meanwhile was refused by a worker, or finds the lane free.
    """
    following = Job.objects.filter(lane=lane, state=JobState.QUEUED).order_by("pk").first()
    if following is not None:
        hints.send(following)


# --- changes from outside: by people and by the sweeper -----------------------------------------------------------


def create(kind: str, *, owner: AbstractBaseUser, title: str, params: Mapping[str, Any], lane: str) -> Job:
    """A queued job, with its event; the hint goes out when the transaction is committed."""
    with transaction.atomic():
        job = Job.objects.create(
            kind=kind,
            owner_id=owner.pk,
            title=title[:500],
            params=dict(params),
            lane=lane,
            hinted_at=timezone.now(),
        )
        _announce(job.pk, "job.queued")
        # Not before: a worker would look for a row that it cannot see yet, and the hint would be spent.
        transaction.on_commit(lambda: hints.send(job))
    return job


def request_cancel(job_id: int) -> None:
    """Cancel a queued job at once; a running one is told, and ends at its next report."""
    with transaction.atomic():
        # The first write holds the row, so that the job does not change from one state to the other in between.
        if not Job.objects.filter(pk=job_id, state__in=UNENDED).update(cancel_requested=True):
            return
        queued = Job.objects.filter(pk=job_id, state=JobState.QUEUED)
        ended = queued.update(state=JobState.CANCELLED, **_ending())
        _announce(job_id, "job.cancelled" if ended else "job.cancel_requested")


def release_expired() -> list[Job]:
    """Free the running jobs whose lease ran out, and answer those that are queued again.

    A job that was cancelled ends so; one whose claim is lost for the third time fails, lest it take down one worker
    after the other.
    """
    expired = Job.objects.filter(state=JobState.RUNNING, lease_until__lt=timezone.now())
    return [job for job in expired if _release(job, lost_claims=job.lost_claims + 1)]


def release_stopped() -> list[Job]:
    """Queue the running jobs again after all workers were stopped on purpose, which is not held against the jobs."""
    running = Job.objects.filter(state=JobState.RUNNING)
    return [job for job in running if _release(job, lost_claims=job.lost_claims)]


def _release(job: Job, *, lost_claims: int) -> bool:
    """End a claim whose worker is gone; True where the job is queued again."""
    values: dict[str, Any] = {
        "fence": F("fence") + 1,
        "lost_claims": lost_claims,
        "lease_until": None,
        "rate": None,
    }
    if job.cancel_requested:
        kind, values["state"] = "job.cancelled", JobState.CANCELLED
    elif lost_claims >= MAX_LOST_CLAIMS:
        kind, values["state"] = "job.failed", JobState.FAILED
        values["error_code"] = "lost_claims"
        values["error"] = (
            f"The worker died {lost_claims} times while it had this job, so it was given up. Look into the worker's"
            " log (out of memory?), then retry."
        )
    else:
        kind, values["state"] = "job.queued", JobState.QUEUED
    if values["state"] != JobState.QUEUED:
        values["finished_at"] = timezone.now()
    with transaction.atomic():
        # A lease that was renewed meanwhile is another one.
        held = Job.objects.filter(
            pk=job.pk, fence=job.fence, state=JobState.RUNNING, lease_until=job.lease_until
        )
        if not held.update(**values):
            return False
        _announce(job.pk, kind)
    return kind == "job.queued"
