"""The console's page about a version's labels: giving, moving and taking them away."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from themis_admin.accounts.models import User
from themis_admin.datasets.labels import services
from themis_admin.datasets.lookup import get_version
from themis_admin.datasets.models import Version
from themisdb_datasets.errors import ThemisError

LABELS_A_PAGE = 50


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def version_labels(request: HttpRequest, pk: int) -> HttpResponse:
    """All labels of the dataset, which one gives to this version or takes away, and a new one."""
    version = get_version(request, pk)
    name, error = request.POST.get("name", "").strip(), ""
    if request.method == "POST":
        try:
            messages.success(request, _change(request, version, name))
        except ThemisError as refused:
            error = str(refused.fields.get("name", refused))
        else:
            return redirect("version-labels", pk)
    found = version.dataset.labels.select_related("version", "created_by")
    context = {
        "version": version,
        "dataset": version.dataset,
        "page": Paginator(found, LABELS_A_PAGE).get_page(request.GET.get("page")),
        "name": name,
        "error": error,
    }
    return render(request, "datasets/labels/labels.html", context, status=422 if error else 200)


def _change(request: HttpRequest, version: Version, name: str) -> str:
    """Do what was asked for; answers a sentence about it."""
    user = cast(User, request.user)
    if request.POST.get("action") == "remove":
        label = services.find_label(version.dataset, name)
        services.remove_label(label, user=user)
        return f"The label {label.name} is gone; version {label.version.number} stays."
    label, _ = services.put_label(version.dataset, user=user, name=name, version=version.number)
    return f"Version {version.number} is {label.name} now."
