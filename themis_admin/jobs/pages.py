"""The console's pages about jobs: the list, one job with its log, cancelling and retrying."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from themis_admin.jobs import services
from themis_admin.jobs.files import rejects_path
from themis_admin.jobs.models import Event, Job, JobState
from themisdb_datasets.errors import ThemisError

PAGE_SIZE = 50
MAX_LOG = 1000
LOG_WORDS = {
    "job.queued": "queued",
    "job.started": "a worker has taken it",
    "job.cancel_requested": "asked to stop",
    "job.succeeded": "done",
    "job.cancelled": "cancelled",
    "version.published": "the version is published",
    "export.published": "the files are published",
    "snapshot.published": "the snapshot is published",
    "snapshot.verified": "the snapshot is verified",
}


@login_required
@require_safe
def job_list(request: HttpRequest) -> HttpResponse:
    """All jobs the user may see, the newest first, by state and kind."""
    jobs = Job.objects.visible_to(request.user).select_related("owner").order_by("-id")
    kinds = sorted(jobs.order_by().values_list("kind", flat=True).distinct())
    state, kind = request.GET.get("state", ""), request.GET.get("kind", "")
    if state in JobState.values:
        jobs = jobs.filter(state=state)
    if kind in kinds:
        jobs = jobs.filter(kind=kind)
    context = {
        "page": Paginator(jobs, PAGE_SIZE).get_page(request.GET.get("page")),
        "states": JobState.values,
        "state": state,
        "kinds": kinds,
        "kind": kind,
    }
    return render(request, "jobs/list.html", context)


@login_required
@require_safe
def job(request: HttpRequest, pk: int) -> HttpResponse:
    """One job: how far it is, its steps, its log, what came of it."""
    row = get_job(request, pk)
    told = list(Event.objects.filter(job=row).exclude(kind="job.progress").order_by("id")[:MAX_LOG])
    version, export = row.result.get("version"), row.params.get("export")
    snapshot, index = row.result.get("snapshot"), row.result.get("index")
    context = {
        "job": row,
        "took": row.finished_at - row.started_at if row.finished_at and row.started_at else None,
        "steps": steps(row),
        "log": [line for event in told if (line := log_line(event))],
        "version_url": reverse("version", args=[version]) if version else "",
        "export_url": reverse("export", args=[export]) if export else "",
        "snapshot_url": reverse("snapshot", args=[snapshot]) if snapshot else "",
        "index_url": reverse("index", args=[index]) if index else "",
        "rejects_url": reverse("job-rejects", args=[pk])
        if row.kind == "ingest" and rejects_path(pk).exists()
        else "",
    }
    return render(request, "jobs/job.html", context)


@dataclass(frozen=True)
class JobStep:
    """One knot on a job's line: `mark` is the class of its looks, now, bad, todo or nothing."""

    name: str
    icon: str
    mark: str
    at: datetime | None = None


def steps(row: Job) -> list[JobStep]:
    """Where the job came along, and where it is."""
    ran = row.started_at is not None
    waits = row.state == "queued"
    line = [
        JobStep(
            "queued", "circle-dashed" if waits else "circle-check", "now" if waits else "", row.created_at
        )
    ]
    if row.ended:
        if ran:
            line.append(JobStep("started", "circle-check", "", row.started_at))
        icon = {"succeeded": "circle-check", "failed": "circle-x"}.get(row.state, "ban")
        line.append(JobStep(row.state, icon, "now" if row.state == "succeeded" else "bad", row.finished_at))
        return line
    line.append(JobStep("running", "play", "now" if row.state == "running" else "todo", row.started_at))
    return [*line, JobStep("done", "circle", "todo")]


def log_line(event: Event) -> tuple[datetime, str] | None:
    """An event of a job as a line of its log."""
    text = LOG_WORDS.get(event.kind, str(event.data.get("text", "")))
    if event.kind == "job.failed":
        text = f"failed: {event.data.get('error')}"
    return (event.created_at, text) if text else None


@login_required
@require_POST
def job_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_job(request, pk)
    try:
        services.cancel(row)
    except ThemisError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Cancelling {row.title}.")
    return redirect("job", pk)


@login_required
@require_POST
def job_retry(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_job(request, pk)
    try:
        again = services.retry(row)
    except ThemisError as error:
        messages.error(request, str(error))
        return redirect("job", pk)
    messages.success(request, f"{again.title} is queued again.")
    return redirect("job", again.pk)


def get_job(request: HttpRequest, pk: int) -> Job:
    """The job, or 404 where the user may not see it."""
    row: Job = get_object_or_404(Job.objects.visible_to(request.user).select_related("owner"), pk=pk)
    return row
