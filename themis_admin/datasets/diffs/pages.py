"""The console's page of how two versions differ: counts, fields, themes, and the samples word by word."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from themis_admin.datasets.diffs import services, shifts
from themis_admin.datasets.diffs.wordwise import TextStretch, folded, pieces
from themis_admin.datasets.lookup import get_version
from themis_admin.datasets.models import Version
from themis_admin.datasets.samples import cards
from themis_admin.web import windows
from themisdb_datasets.errors import ThemisError

PAGE_SIZE = 20
MAX_VERSIONS = 200


@dataclass(frozen=True)
class Shown:
    """A sample that differs, as the page shows it: its card, and each changed field as pieces, the first and the rest."""

    card: cards.Card
    version: Version
    fields: list[tuple[str, list[TextStretch], list[TextStretch]]]


@dataclass(eq=False)
class DiffWindow(windows.Cut[services.DiffSample]):
    """The samples that differ as a sequence that Django's paginator can cut."""

    version: Version
    against: Version
    kind: str
    field: str
    total: int

    # From the counts, so that Django's paginator reads one page of the difference and never all of it.
    def __len__(self) -> int:
        return self.total

    def between(self, start: int, stop: int) -> list[services.DiffSample]:
        page = services.page(
            self.version, self.against, kind=self.kind, field=self.field, offset=start, length=stop - start
        )
        return page.samples


@login_required
@require_safe
def version_diff(request: HttpRequest, pk: int) -> HttpResponse:
    """What one version has and another one of its dataset has not."""
    row = get_version(request, pk)
    versions = list(row.dataset.versions.order_by("-number")[:MAX_VERSIONS])
    against = _against(request, row)
    if against is None:
        return redirect("version", pk)
    if (chosen := request.GET.get("version", "")) not in ("", str(pk)):
        return redirect(f"/versions/{_number(chosen)}/diff/?against={against.pk}")
    context: dict[str, Any] = {
        "version": row,
        "against": against,
        "dataset": row.dataset,
        "versions": versions,
        "key_field": row.dataset.key_field,
    }
    try:
        context.update(_found(request, row, against))
    except ThemisError as error:
        context["error"] = str(error)
    return render(request, "datasets/diffs/diff.html", context)


def _found(request: HttpRequest, row: Version, against: Version) -> dict[str, Any]:
    counts = services.between(row, against).counts
    kind = request.GET.get("kind", "")
    if kind not in services.KINDS:
        kind = next((name for name in ("changed", "added", "removed") if getattr(counts, name)), "changed")
    field = request.GET.get("field", "") if kind == "changed" else ""
    field = field if field in counts.fields else ""
    total = counts.fields[field] if field else getattr(counts, kind)
    page = Paginator(DiffWindow(row, against, kind, field, total), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    return {
        "counts": counts,
        "kind": kind,
        "field": field,
        "kinds": [(name, getattr(counts, name)) for name in ("changed", "added", "removed")],
        "fields": sorted(counts.fields.items(), key=lambda each: -each[1]),
        "page": page,
        "shown": [shown(each, row, against) for each in page.object_list],
    }


@login_required
@require_safe
def version_shifts(request: HttpRequest, pk: int) -> HttpResponse:
    """What the difference is to the themes and rules: a fragment of its own, as hundreds of themes take their time."""
    row = get_version(request, pk)
    against = _against(request, row)
    if against is None:
        raise Http404
    context = {
        "version": row,
        "against": against,
        "themes": list(shifts.of_themes(row, against)),
        "rules": list(shifts.of_rules(row, against)),
    }
    return render(request, "datasets/diffs/shifts.html", context)


def shown(sample: services.DiffSample, row: Version, against: Version) -> Shown:
    """A sample with its changed fields; one that was removed is shown as it was."""
    version = row if sample.line is not None else against
    here = cards.parsed(sample.line) if sample.line is not None else {}
    there = cards.parsed(sample.against_line) if sample.against_line is not None else {}
    position = sample.position if sample.position is not None else sample.against_position
    assert position is not None  # it is in one of the two
    card = cards.card(here or there, cards.CardLayout.of(row.dataset, version), position)
    fields = [(name, *folded(list(pieces(_text(there, name), _text(here, name))))) for name in sample.fields]
    return Shown(card, version, fields)


def _text(sample: dict[str, Any], name: str) -> str:
    """The field as people read it; null and no field at all are told apart."""
    return cards.shown_value(sample[name]) or "null" if name in sample else ""


def _against(request: HttpRequest, row: Version) -> Version | None:
    """The version to compare with: the one asked for, or the parent."""
    asked = request.GET.get("against", "")
    if not asked:
        return row.parent
    found = row.dataset.versions.filter(pk=_number(asked)).first()
    if found is None:
        raise Http404
    return found


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Http404
    return int(text)
