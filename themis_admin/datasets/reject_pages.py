"""The console's page about a version's rejected lines, where they are mended and sent again."""

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from themis_admin.accounts.models import User
from themis_admin.datasets import browsing, mending
from themis_admin.datasets.version_pages import get_version
from themisdb_datasets.errors import ThemisError

REJECTS_A_PAGE = 50
MAX_EDITED = 20_000  # characters of a line


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def version_rejects(request: HttpRequest, pk: int) -> HttpResponse:
    """The lines that are no samples, each with its place and the reason; those that were kept whole can be mended."""
    version = get_version(request, pk)
    page = Paginator(browsing.Rejects.of(version), REJECTS_A_PAGE).get_page(request.GET.get("page"))
    rows = [_row(each) for each in page.object_list]
    mode = "upsert" if version.mode == "upsert" else "append"
    error, note = "", request.POST.get("note", "")
    if request.method == "POST":
        lines = _changed(request, rows)
        try:
            if not lines:
                error = "No line was changed. Mend one, then send it."
            else:
                user = cast(User, request.user)
                job = mending.start_mended(version, user=user, lines=lines, mode=mode, note=note)
                return redirect("job", job.pk)
        except ThemisError as refused:
            error = str(refused)
            for row in rows:
                row["error"] = refused.fields.get(f"lines.{row['number']}", "")
    context = {
        "version": version,
        "dataset": version.dataset,
        "page": cast("Page[Any]", page),
        "rows": rows,
        "num_edited": sum(row["edited"] for row in rows),
        "mode": mode,
        "note": note,
        "error": error,
    }
    return render(request, "datasets/rejects.html", context, status=422 if error else 200)


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
