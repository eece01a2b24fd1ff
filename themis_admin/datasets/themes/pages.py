"""The console's pages about themes: list, filter builder, one theme with its samples, deleting."""

import json
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from themis_admin.accounts.models import User
from themis_admin.datasets import cleaning, snippets
from themis_admin.datasets.lookup import chosen_dataset, get_dataset, get_theme, offered_datasets
from themis_admin.datasets.models import Dataset, Theme
from themis_admin.datasets.samples import cards, windows
from themis_admin.datasets.samples.browser import Browser
from themis_admin.datasets.statistics import pages as statistics_pages
from themis_admin.datasets.themes import services
from themis_admin.datasets.themes.forms import ThemeForm
from themisdb_datasets.errors import ThemisError

PAGE_SIZE = 50
PREVIEWED = 8


@login_required
@require_safe
def theme_list(request: HttpRequest) -> HttpResponse:
    """The themes of every dataset the user may see."""
    query = request.GET.get("q", "").strip()
    themes = Theme.objects.visible_to(request.user).select_related("dataset__latest").order_by("name", "pk")
    chosen = chosen_dataset(request)
    if query:
        themes = themes.filter(name__icontains=query)
    if chosen:
        themes = themes.filter(dataset=chosen)
    context = {
        "page": Paginator(themes, PAGE_SIZE).get_page(request.GET.get("page")),
        "query": query,
        "datasets": offered_datasets(request, chosen),
        "chosen": chosen,
    }
    return render(request, "datasets/themes/list.html", context)


@login_required
def theme_new(request: HttpRequest, pk: int) -> HttpResponse:
    dataset = get_dataset(request, pk)
    form = ThemeForm(request.POST or None, initial={"where": "{}"})
    if request.method == "POST" and form.is_valid():
        try:
            theme = services.create_theme(dataset, user=cast(User, request.user), **form.cleaned_data)
        except ThemisError as error:
            form.add_service_error(error)
        else:
            messages.success(request, f"{theme.name} is saved.")
            return redirect("theme", theme.pk)
    return _form(request, form, dataset)


@login_required
def theme_edit(request: HttpRequest, pk: int) -> HttpResponse:
    theme = get_theme(request, pk)
    start = {"name": theme.name, "description": theme.description, "where": json.dumps(theme.where, indent=1)}
    form = ThemeForm(request.POST or None, initial=start)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_theme(theme, user=cast(User, request.user), **form.cleaned_data)
        except ThemisError as error:
            form.add_service_error(error)
            theme.refresh_from_db()
        else:
            messages.success(request, "Saved. Streams that have begun keep the rule they began with.")
            return redirect("theme", pk)
    return _form(request, form, theme.dataset, theme)


def _form(
    request: HttpRequest, form: ThemeForm, dataset: Dataset, theme: Theme | None = None
) -> HttpResponse:
    latest = dataset.latest
    fields = [{"name": field["name"], "types": field["types"]} for field in latest.fields] if latest else []
    context = {"form": form, "dataset": dataset, "theme": theme, "latest": latest, "field_list": fields}
    return render(request, "datasets/themes/form.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def theme_preview(request: HttpRequest, pk: int) -> HttpResponse:
    """The first samples that a filter in the making keeps, as a fragment."""
    dataset = get_dataset(request, pk)
    context: dict[str, Any] = {"version": dataset.latest, "cards": []}
    if dataset.latest is not None:
        try:
            where = cleaning.clean_where(json.loads(request.POST.get("where", "{}")), dataset)
            window = windows.Window(dataset.latest, where, page_size=PREVIEWED)
            context["cards"] = _cards(dataset, window)
        except ThemisError as error:
            context["error"] = str(error)
        except (ValueError, RecursionError):
            context["error"] = "This is no JSON."
    return render(request, "datasets/themes/matches.html", context)


def _cards(dataset: Dataset, window: windows.Window) -> list[cards.Card]:
    version = window.version
    return cards.cards(version.open(), cards.CardLayout.of(dataset, version), window[0 : window.page_size])


@login_required
@require_safe
def theme(request: HttpRequest, pk: int) -> HttpResponse:
    """One theme: its rule in words, how much it keeps, and the samples it keeps."""
    row = get_theme(request, pk)
    latest = row.dataset.latest
    context: dict[str, Any] = {"theme": row, "dataset": row.dataset, "version": latest}
    context["snippets"] = snippets.of_stream(request, row.dataset, row)
    if latest is not None:
        latest.dataset = row.dataset
        context.update(Browser.of(request, latest, row).context())
        try:
            context["num_samples"] = windows.count_matches(latest, row.where)
            context.update(statistics_pages.section(latest, row))
        except ThemisError as error:
            context["error"] = str(error)
    return render(request, "datasets/themes/theme.html", context)


@login_required
@require_safe
def theme_count(request: HttpRequest, pk: int) -> HttpResponse:
    """How many samples of the latest version a theme keeps, as a fragment: lists load it one by one."""
    row = get_theme(request, pk)
    if row.dataset.latest is None:
        return HttpResponse("–")
    try:
        return HttpResponse(f"{windows.count_matches(row.dataset.latest, row.where):,}")
    except ThemisError:
        return HttpResponse("–")


@login_required
def theme_delete(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_theme(request, pk)
    if request.method == "POST":
        name, dataset_id = row.name, row.dataset_id
        services.delete_theme(row, user=cast(User, request.user))
        messages.success(request, f"{name} is deleted.")
        return redirect("dataset", dataset_id)
    context = {
        "heading": f"Delete the theme {row.name}",
        "action": "Delete the theme",
        "consequences": [
            f"Requests that stream “{row.name}” by name are refused from then on.",
            "Streams that have begun go on, and no sample is touched.",
        ],
        "back": reverse("theme", args=[pk]),
        "back_label": row.name,
    }
    return render(request, "confirm.html", context)
