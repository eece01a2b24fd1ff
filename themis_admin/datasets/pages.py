"""The console's pages about datasets: list, one dataset, making, changing and deleting it."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.db.models.functions import Greatest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from themis_admin.accounts.models import User
from themis_admin.datasets import services, snippets
from themis_admin.datasets.forms import DatasetForm
from themis_admin.datasets.lookup import active_jobs, get_dataset
from themis_admin.datasets.models import Dataset
from themisdb_datasets.errors import ThemisError

PAGE_SIZE = 50
SNAPSHOTS_SHOWN = 10
PARTS_SHOWN = 12  # themes and rules on a dataset's page
VERSIONS_A_PAGE = 20
ORDERS = {
    "name": ("by name", ["name"]),
    "changed": ("last changed first", ["-changed_at"]),
    "size": ("largest first", ["-latest__num_samples", "name"]),
}


@login_required
@require_safe
def dataset_list(request: HttpRequest) -> HttpResponse:
    """The datasets the user may see, by name, last change or size."""
    query = request.GET.get("q", "").strip()
    order = request.GET.get("order", "name")
    order = order if order in ORDERS else "name"
    datasets = (
        Dataset.objects.visible_to(request.user)
        .select_related("latest")
        .annotate(num_themes=Count("themes"), changed_at=Greatest("updated_at", "created_at"))
        .order_by(*ORDERS[order][1])
    )
    if query:
        datasets = datasets.filter(name__icontains=query)
    context = {
        "page": Paginator(datasets, PAGE_SIZE).get_page(request.GET.get("page")),
        "query": query,
        "order": order,
        "orders": [(value, label) for value, (label, _) in ORDERS.items()],
    }
    return render(request, "datasets/list.html", context)


@login_required
def dataset_new(request: HttpRequest) -> HttpResponse:
    form = DatasetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            dataset = services.create_dataset(user=cast(User, request.user), **form.values())
        except ThemisError as error:
            form.add_service_error(error)
        else:
            messages.success(request, f"{dataset.name} is ready for its first upload.")
            return redirect("dataset-upload", dataset.pk)
    return render(request, "datasets/form.html", {"form": form}, status=422 if form.errors else 200)


@login_required
def dataset_edit(request: HttpRequest, pk: int) -> HttpResponse:
    dataset = get_dataset(request, pk)
    form = DatasetForm(request.POST or None, initial=DatasetForm.initial_of(dataset))
    if request.method == "POST" and form.is_valid():
        try:
            services.update_dataset(dataset, user=cast(User, request.user), **form.values())
        except ThemisError as error:
            form.add_service_error(error)
            dataset.refresh_from_db()
        else:
            messages.success(request, "Saved.")
            return redirect("dataset", pk)
    names = [field["name"] for field in dataset.latest.fields] if dataset.latest else []
    context = {"form": form, "dataset": dataset, "field_names": names}
    return render(request, "datasets/form.html", context, status=422 if form.errors else 200)


@login_required
def dataset_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what breaks and wants the name typed."""
    dataset = get_dataset(request, pk)
    error = ""
    if request.method == "POST":
        if request.POST.get("name", "").strip() != dataset.name:
            error = "This is not its name."
        else:
            try:
                services.delete_dataset(dataset, user=cast(User, request.user))
            except ThemisError as refused:
                error = str(refused)
            else:
                messages.success(request, f"{dataset.name} is deleted.")
                return redirect("dataset-list")
    num_versions, num_themes = dataset.versions.count(), dataset.themes.count()
    consequences = ["This cannot be undone."]
    if dataset.latest:
        consequences.append(
            f"{num_versions:,} version{' goes' if num_versions == 1 else 's go'}, the latest with"
            f" {dataset.latest.num_samples:,} samples. Cursors of its streams can no longer be resumed."
        )
    if num_themes:
        consequences.append(f"{num_themes:,} theme{' goes' if num_themes == 1 else 's go'} with it.")
    context = {
        "heading": f"Delete {dataset.name}",
        "action": "Delete the dataset",
        "typed_name": dataset.name,
        "consequences": consequences,
        "error": error,
        "back": reverse("dataset", args=[pk]),
        "back_label": dataset.name,
    }
    return render(request, "confirm.html", context, status=422 if error else 200)


@login_required
@require_safe
def dataset(request: HttpRequest, pk: int) -> HttpResponse:
    """One dataset: its versions on a line, its fields, its themes and the work under way."""
    row = get_dataset(request, pk)
    versions = row.versions.for_lists().order_by("-number")
    latest = row.latest
    context = {
        "dataset": row,
        "latest": latest,
        "gained": latest.num_samples - latest.parent.num_samples if latest and latest.parent else None,
        "num_shards": latest.version_shards.count() if latest else 0,
        "page": Paginator(versions, VERSIONS_A_PAGE).get_page(request.GET.get("page")),
        **_some("theme", row.themes.all()),
        **_some("rule", row.weighting_rules.all()),
        "snapshots": list(row.snapshots.for_lists().current().order_by("-pk")[:SNAPSHOTS_SHOWN]),
        "active_jobs": list(active_jobs(request, row)),
        "snippets": snippets.of_stream(request, row),
    }
    return render(request, "datasets/dataset.html", context)


def _some(noun: str, rows: QuerySet[Any]) -> dict[str, Any]:
    """The first rows, and how many there are, which is asked for only where it is not seen."""
    first = list(rows[: PARTS_SHOWN + 1])
    total = len(first) if len(first) <= PARTS_SHOWN else rows.count()
    return {f"{noun}s": first[:PARTS_SHOWN], f"num_{noun}s": total}
