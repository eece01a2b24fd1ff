"""The console's pages about one version: its figures and samples, one sample, the rejected lines."""

import hashlib
import json
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from themis_admin.datasets import browsing, cards, statistics_section
from themis_admin.datasets.models import Version
from themis_admin.templatetags.corpus import OPS
from themisdb_datasets.errors import ThemisError

REJECTS_A_PAGE = 50
MAX_SHOWN = 200_000
BROWSED_OPS = [
    ("contains", OPS["contains"]),
    *(each for each in OPS.items() if each[0] != "contains"),
    ("exists", "exists"),
]
NUMBERS = {"integer", "number"}


@login_required
@require_safe
def version(request: HttpRequest, pk: int) -> HttpResponse:
    """One version: what is in it, and its samples by search and one condition."""
    row = get_version(request, pk)
    number = request.GET.get("go", "").replace(",", "").strip()
    if number.isascii() and number.isdigit() and int(number) < row.num_samples:
        return redirect("version-sample", pk, int(number))
    chosen = {name: request.GET.get(name, "") for name in ("field", "op", "value")}
    search = request.GET.get("q", "").strip()
    order = request.GET.get("order", "")
    where = chosen_filter(row, chosen)
    context: dict[str, Any] = {
        "version": row,
        "dataset": row.dataset,
        "is_latest": row.dataset.latest_id == row.pk,
        "previous": row.parent,
        "gained": row.num_samples - row.parent.num_samples if row.parent else None,
        "num_shards": row.version_shards.count(),
        "ops": BROWSED_OPS,
        "chosen": chosen,
        "search": search,
        "order": order,
        "filtered": bool(where or search),
        **statistics_section.section(row),
    }
    window = browsing.Window(row, where, search, order)
    try:
        page = Paginator(window, window.page_size).get_page(request.GET.get("page"))
        layout = cards.Layout.of(row.dataset, row)
        context.update(page=page, cards=cards.cards(row.open(), layout, page.object_list, search=search))
    except ThemisError as error:
        context.update(cards=[], error=str(error))
    return render(request, "datasets/version.html", context)


def chosen_filter(row: Version, chosen: dict[str, str]) -> dict[str, Any] | None:
    """The one condition of the sample browser as a filter; None while it is incomplete."""
    name, op, value = chosen["field"], chosen["op"] or "contains", chosen["value"]
    types = next((set(field["types"]) for field in row.fields if field["name"] == name), None)
    if types is None:
        return None
    if op == "exists":
        return {"field": name, "op": "exists", "value": value.strip().lower() not in ("false", "no", "0")}
    return {"field": name, "op": op, "value": typed_value(value, types)} if value else None


def typed_value(text: str, types: set[str]) -> str | int | float | bool:
    """A typed-in value as the field's own type, where it reads as one."""
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    if types & NUMBERS and not types - NUMBERS - {"null"}:
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
    return text


@login_required
@require_safe
def version_sample(request: HttpRequest, pk: int, n: int) -> HttpResponse:
    """One sample: its text in reading size and its JSON as it is stored."""
    row = get_version(request, pk)
    if n >= row.num_samples:
        raise Http404
    line = row.open().line(n)
    sample = json.loads(line)
    layout = cards.Layout.of(row.dataset, row)
    texts = cards.passages(sample, layout)
    context = {
        "version": row,
        "dataset": row.dataset,
        "position": n,
        "previous": n - 1,
        "following": n + 1 if n + 1 < row.num_samples else None,
        "card": cards.card(sample, layout, n),
        "passages": [(name, text[:MAX_SHOWN]) for name, text in texts],
        "scalars": cards.scalars(sample, [name for name, _ in texts]),
        "raw": line[:MAX_SHOWN].decode(errors="ignore"),
        "cut": MAX_SHOWN if len(line) > MAX_SHOWN else None,
        "num_bytes": len(line),
        "sample_id": hashlib.sha256(line).hexdigest()[:32],
    }
    return render(request, "datasets/sample.html", context)


@login_required
@require_safe
def version_rejects(request: HttpRequest, pk: int) -> HttpResponse:
    """The lines that are no samples, each with its place and the reason."""
    row = get_version(request, pk)
    rejects = browsing.Rejects.of(row)
    page = Paginator(rejects, REJECTS_A_PAGE).get_page(request.GET.get("page"))
    context = {"version": row, "dataset": row.dataset, "page": page}
    return render(request, "datasets/rejects.html", context)


@login_required
@require_safe
def version_rejects_download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The same as JSONL."""
    row = get_version(request, pk)
    path = browsing.Rejects.of(row).path
    if not path.is_file():
        raise Http404
    name = f"rejects-{row.dataset_id}-version-{row.number}.jsonl"
    return FileResponse(
        path.open("rb"), as_attachment=True, filename=name, content_type="application/x-ndjson"
    )


def get_version(request: HttpRequest, pk: int) -> Version:
    """The version, or 404 where the user may not see it."""
    rows = Version.objects.visible_to(request.user).select_related("dataset__owner", "parent")
    return get_object_or_404(rows, pk=pk)
