"""The console's page about the lines that an ingest rejected, where they are mended and sent again."""

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from themis_admin.accounts.models import User
from themis_admin.datasets.lookup import get_version
from themis_admin.datasets.models import Version
from themis_admin.datasets.rejects import mending, services
from themis_admin.jobs.models import Job
from themisdb_datasets.errors import ThemisError

REJECTS_A_PAGE = 50
MAX_EDITED = 20_000  # characters of a line


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def version_rejects(request: HttpRequest, pk: int) -> HttpResponse:
    """The lines that are no samples, each with its place and the reason; those that were kept whole can be mended."""
    version = get_version(request, pk)
    return _rejects(request, mending.Rejected.of_version(version), version)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def job_rejects(request: HttpRequest, pk: int) -> HttpResponse:
    """The same for an ingest that made no version, because none of its lines is a sample or nothing differed."""
    user = cast(User, request.user)
    row = get_object_or_404(Job.objects.visible_to(user), pk=pk)
    rejected = mending.Rejected.of_job(row, user=user)
    version = Version.objects.filter(job=row).first()
    return redirect("version-rejects", version.pk) if version else _rejects(request, rejected, None)


@login_required
@require_safe
def job_rejects_download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The same as JSONL."""
    row = get_object_or_404(Job.objects.visible_to(request.user), pk=pk)
    return download_rejects(row.pk, f"rejects-job-{row.pk}.jsonl")


@login_required
@require_safe
def version_rejects_download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The same as JSONL."""
    row = get_version(request, pk)
    return download_rejects(row.job_id, f"rejects-{row.dataset_id}-version-{row.number}.jsonl")


def download_rejects(job_id: int | None, name: str) -> HttpResponseBase:
    """The file of the lines that a job rejected; Http404 where there is none."""
    path = services.Rejects.of_job(job_id).path
    if not path.is_file():
        raise Http404
    return FileResponse(
        path.open("rb"), as_attachment=True, filename=name, content_type="application/x-ndjson"
    )


def _rejects(request: HttpRequest, rejected: mending.Rejected, version: Version | None) -> HttpResponse:
    lines = services.Rejects.of_job(rejected.job_id)
    page = Paginator(lines, REJECTS_A_PAGE).get_page(request.GET.get("page"))
    rows = [_row(each) for each in page.object_list]
    mode = "upsert" if rejected.mode == "upsert" else "append"
    error, note = "", request.POST.get("note", "")
    if request.method == "POST":
        changed = _changed(request, rows)
        try:
            if not changed:
                error = "No line was changed. Mend one, then send it."
            else:
                user = cast(User, request.user)
                job = mending.start_mended(rejected, user=user, lines=changed, mode=mode, note=note)
                return redirect("job", job.pk)
        except ThemisError as refused:
            error = str(refused)
            for row in rows:
                row["error"] = refused.fields.get(f"lines.{row['number']}", "")
    context = {
        "version": version,
        "job_id": rejected.job_id,
        "dataset": rejected.dataset,
        "page": cast("Page[Any]", page),
        "rows": rows,
        "num_edited": sum(row["edited"] for row in rows),
        "mode": mode,
        "note": note,
        "error": error,
    }
    return render(request, "datasets/rejects/rejects.html", context, status=422 if error else 200)


def _row(reject: dict[str, Any]) -> dict[str, Any]:
    """A rejected line as the page shows it; `edited` where it can be mended there."""
    edited = not reject["truncated"] and len(reject["shown"]) <= MAX_EDITED
    return {**reject, "edited": edited, "value": reject["shown"], "chosen": False, "error": ""}


def _changed(request: HttpRequest, rows: list[dict[str, Any]]) -> dict[int, str]:
    """The lines of the page that were changed or are to be sent as they are read; what was typed stays in the rows."""
    lines: dict[int, str] = {}
    for row in rows:
        name = f"line-{row['number']}"
        if not row["edited"] or name not in request.POST:
            continue
        row["value"] = request.POST[name]
        row["chosen"] = f"send-{row['number']}" in request.POST
        if row["chosen"] or row["value"].strip() != row["shown"].strip():
            lines[row["number"]] = row["value"]
    return lines
