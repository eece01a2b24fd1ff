"""The console's pages about feedback: the runs that told losses, one run with what it found hard, removing."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from exports.feedback import services
from exports.models import FeedbackRun
from themis_admin.accounts.models import User
from themis_admin.datasets.cleaning import MAX_NAME
from themis_admin.datasets.samples import cards
from themis_admin.jobs.models import UNENDED
from themis_admin.storage import stores
from themis_admin.web.forms import ServiceForm
from themisdb_datasets.engine.weights.difficulty import Adaption, Judged, extremes
from themisdb_datasets.errors import ThemisError

PAGE_SIZE = 50
SHOWN = 12


class WeightingForm(ServiceForm):
    """How a run's difficulties become the factors of a rule."""

    name = forms.CharField(max_length=MAX_NAME, label="Name of the rule")
    strength = forms.FloatField(
        initial=Adaption.strength,
        help_text="1: twice as hard weighs twice as much; 0.5 is gentler; below 0 the easy weigh more",
    )
    least = forms.FloatField(initial=Adaption.least, label="Factors from")
    most = forms.FloatField(initial=Adaption.most, label="to")
    missing = forms.FloatField(initial=1.0, label="For samples it did not see")

    def start(self, run: FeedbackRun, user: User) -> None:
        """Have the rule made."""
        data = self.cleaned_data
        adaption = Adaption(data["strength"], data["least"], data["most"])
        services.start_weighting(
            run, user=user, name=data["name"], adaption=adaption, missing=data["missing"]
        )


@login_required
@require_safe
def run_list(request: HttpRequest) -> HttpResponse:
    """The runs of every dataset the user may see, the one that told something last first."""
    query = request.GET.get("q", "").strip()
    found = FeedbackRun.objects.visible_to(request.user).for_lists().order_by("-updated_at", "-pk")
    if query:
        found = found.filter(name__icontains=query)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "exports/feedback/list.html", {"page": page, "query": query})


@login_required
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """One run: how hard the samples were, which were hardest, and the form that makes a weighting of it."""
    row = get_run(request, pk)
    form = WeightingForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            form.start(row, cast(User, request.user))
        except ThemisError as error:
            form.add_service_error(error)
        else:
            messages.success(
                request, "The weighting is being made; its rule is listed here when it is there."
            )
            return redirect("run", pk)
    hardest = request.GET.get("show") != "easiest"
    digests = row.factors.values_list("digest", flat=True)
    context = {
        "run": row,
        "dataset": row.dataset,
        "version": row.dataset.latest,
        "job": row.job,
        "busy": row.job is not None and row.job.state in UNENDED,
        "difficulty": row.difficulty,
        "bins": {"difficulty": row.difficulty["bins"]} if row.difficulty else None,
        "num_since": row.num_records - row.told,
        "hardest": hardest,
        "shown": _shown(row, hardest=hardest),
        "rules": row.dataset.weighting_rules.filter(definition__factors__in=list(digests)).order_by("name"),
        "form": form,
    }
    return render(request, "exports/feedback/run.html", context, status=422 if form.errors else 200)


def _shown(row: FeedbackRun, *, hardest: bool) -> list[tuple[cards.Card, Judged]]:
    """The hardest or easiest samples of the dataset's latest version."""
    path, version = row.difficulty_path(), row.dataset.latest
    if path is None or version is None:
        return []
    opened = version.open()
    found = extremes(path, opened, hardest=hardest, length=SHOWN, limits=stores.limits())
    shown = cards.cards(opened, cards.CardLayout.of(row.dataset, version), [each.position for each in found])
    return list(zip(shown, found, strict=True))


@login_required
@require_POST
def run_fold(request: HttpRequest, pk: int) -> HttpResponse:
    """Compute the difficulties of all that the run has told so far."""
    row = get_run(request, pk)
    try:
        services.start_fold(row, user=cast(User, request.user))
    except ThemisError as error:
        messages.error(request, str(error))
    return redirect("run", pk)


@login_required
def run_remove(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_run(request, pk)
    context: dict[str, Any] = {
        "heading": f"Remove the run {row.name}",
        "action": "Remove the run",
        "consequences": [
            f"The {row.num_records:,} losses that it told are deleted, and their difficulties.",
            "Weighting rules that were made of it stay as they are.",
        ],
        "back": reverse("run", args=[pk]),
        "back_label": row.name,
    }
    if request.method == "POST":
        try:
            services.remove_run(row, user=cast(User, request.user))
        except ThemisError as error:
            return render(request, "confirm.html", {**context, "error": str(error)}, status=409)
        messages.success(request, f"{row.name} is removed.")
        return redirect("run-list")
    return render(request, "confirm.html", context)


def get_run(request: HttpRequest, pk: int) -> FeedbackRun:
    """The run, or 404 where the user may not see it."""
    return get_object_or_404(FeedbackRun.objects.visible_to(request.user).for_lists(), pk=pk)
