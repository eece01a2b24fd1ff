"""The console's pages about links: the list, and revoking one."""

from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from exports.links import services
from exports.models import Link
from themis_admin.accounts.models import AuditEntry, User
from themisdb_datasets.errors import ThemisError

PAGE_SIZE = 50
USES_SHOWN = 100
DAY = 86_400
LIFETIMES = [
    (str(DAY), "a day"),
    (str(7 * DAY), "7 days"),
    (str(30 * DAY), "30 days"),
    (str(365 * DAY), "a year"),
]


class LinkForm(forms.Form):
    """What a new link is for, how long it lasts, and how often it works."""

    note = forms.CharField(label="Note", max_length=services.MAX_NOTE, required=False)
    expires_in = forms.ChoiceField(label="It lasts", choices=LIFETIMES, initial=str(7 * DAY))
    max_downloads = forms.IntegerField(
        label="Downloads at most", min_value=1, max_value=1_000_000_000, required=False
    )

    def values(self) -> dict[str, Any]:
        """As `create_link` takes them."""
        return {**self.cleaned_data, "expires_in": int(self.cleaned_data["expires_in"])}


def addressed(request: HttpRequest, rows: Iterable[Link]) -> list[dict[str, Any]]:
    """Links with their addresses."""
    return [{"link": row, "address": request.build_absolute_uri(services.path_of(row))} for row in rows]


@login_required
@require_safe
def link_list(request: HttpRequest) -> HttpResponse:
    """All links of the user, the newest first."""
    rows = Link.objects.visible_to(request.user).for_lists().order_by("-id")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(
        request, "exports/links/list.html", {"page": page, "links": addressed(request, page.object_list)}
    )


@login_required
@require_safe
def link(request: HttpRequest, pk: int) -> HttpResponse:
    """One link: what it leads to, and each use of it."""
    row = get_link(request, pk)
    uses = AuditEntry.objects.filter(action="link.used", object=row.url).order_by("-id")[:USES_SHOWN]
    context = {
        "link": row,
        "address": request.build_absolute_uri(services.path_of(row)),
        "uses": list(uses),
        "files": services.files(row),
    }
    return render(request, "exports/links/link.html", context)


@login_required
def link_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what ends, then ends it."""
    row, error = get_link(request, pk), ""
    if request.method == "POST":
        try:
            services.revoke_link(row, user=cast(User, request.user))
        except ThemisError as refused:
            error = str(refused)
        else:
            messages.success(request, f"The link “{row}” is revoked.")
            return redirect("export", row.export_id) if row.export_id else redirect("link-list")
    context = {
        "heading": f"Revoke the link “{row}”",
        "action": "Revoke the link",
        "consequences": [
            "It stops working at once, and cannot be made to work again; a new link has another address.",
            f"It was used for {row.num_downloads:,} download{'' if row.num_downloads == 1 else 's'} so far.",
        ],
        "error": error,
        "back": reverse("export", args=[row.export_id]) if row.export_id else reverse("link-list"),
        "back_label": row.title,
    }
    return render(request, "confirm.html", context, status=409 if error else 200)


def get_link(request: HttpRequest, pk: int) -> Link:
    """The link, or 404 where the user may not see it."""
    rows = Link.objects.visible_to(request.user).for_lists()
    row: Link = get_object_or_404(rows, pk=pk)
    return row
