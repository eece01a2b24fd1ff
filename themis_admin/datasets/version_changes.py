"""The console's pages that change which version is the newest."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from themis_admin.accounts.models import User
from themis_admin.datasets import compacting, versions
from themis_admin.datasets.pages import get_dataset
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


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def dataset_compact(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what is written anew, and starts it."""
    dataset = get_dataset(request, pk)
    error, outlook = "", None
    try:
        outlook = compacting.outlook(dataset)
        if request.method == "POST":
            note = request.POST.get("note", "")
            job = compacting.start_compaction(dataset, user=cast(User, request.user), note=note)
            return redirect("job", job.pk)
    except ThemisError as refused:
        error = str(refused)
    context = {"dataset": dataset, "outlook": outlook, "error": error}
    refused_post = error and request.method == "POST"
    return render(request, "datasets/compact.html", context, status=422 if refused_post else 200)
