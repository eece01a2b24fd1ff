"""The console's pages that change which version is the newest."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from themis_admin.accounts.models import User
from themis_admin.datasets import versions
from themis_admin.datasets.version_pages import get_version
from themisdb_datasets.errors import ThemisError


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def version_restore(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what becomes the newest version, and asks for a note."""
    version = get_version(request, pk)
    latest = version.dataset.latest
    error = ""
    try:
        versions.check_restorable(version.dataset, version)
        if request.method == "POST":
            note = request.POST.get("note", "")
            job = versions.start_restore(version, user=cast(User, request.user), note=note)
            return redirect("job", job.pk)
    except ThemisError as refused:
        error = str(refused)
    context = {"version": version, "dataset": version.dataset, "latest": latest, "error": error}
    return render(
        request, "datasets/restore.html", context, status=422 if error and request.method == "POST" else 200
    )
