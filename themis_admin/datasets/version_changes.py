"""The console's pages that make a new version without an upload: restoring, compacting, deleting samples."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from themis_admin.accounts.models import User
from themis_admin.datasets import compacting, services, versions
from themis_admin.datasets.forms import DeleteForm
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
        request, "datasets/versions/restore.html", context, status=422 if error and request.method == "POST" else 200
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
    return render(request, "datasets/versions/compact.html", context, status=422 if refused_post else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def dataset_delete_samples(request: HttpRequest, pk: int) -> HttpResponse:
    """A filter with its live count; what it keeps is not in the new version."""
    dataset = get_dataset(request, pk)
    form = DeleteForm(request.POST or None, initial={"where": "{}"})
    if request.method == "POST" and form.is_valid():
        try:
            job = services.start_delete(dataset, user=cast(User, request.user), **form.cleaned_data)
        except ThemisError as error:
            form.add_service_error(error)
        else:
            return redirect("job", job.pk)
    latest = dataset.latest
    fields = [{"name": each["name"], "types": each["types"]} for each in latest.fields] if latest else []
    context = {"form": form, "dataset": dataset, "latest": latest, "field_list": fields}
    status = 422 if form.errors else 200
    return render(request, "datasets/samples/delete.html", context, status=status)
