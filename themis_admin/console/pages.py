"""The console's overview and its palette."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from themis_admin.console.shell import ACTIVE
from themis_admin.datasets.models import Dataset, Theme
from themis_admin.jobs.models import Event, Job

JOBS_SHOWN = 8
DATASETS_SHOWN = 8
EVENTS_SHOWN = 12
OPTIONS_A_KIND = 6
PLACES = [
    ("Overview", "overview", "layout-dashboard", "g o"),
    ("Datasets", "dataset-list", "database", "g d"),
    ("Themes", "theme-list", "layers", "g t"),
    ("Weighting rules", "rule-list", "scale", "g w"),
    ("Feedback", "run-list", "activity", "g f"),
    ("Tokenizers", "tokenizer-list", "hash", ""),
    ("Stream", "stream", "radio", "g s"),
    ("Snapshots", "snapshot-list", "archive", "g n"),
    ("Indexes", "index-list", "list", "g i"),
    ("Exports", "export-list", "download", "g e"),
    ("Links", "link-list", "external-link", "g l"),
    ("Jobs", "job-list", "list-checks", "g j"),
    ("Tokens", "token-list", "key-round", "g k"),
    ("New dataset", "dataset-new", "plus", ""),
]
EVENT_WORDS = {
    "job.succeeded": ("circle-check", "{title} is done"),
    "job.failed": ("circle-x", "{title} failed"),
    "job.cancelled": ("ban", "{title} was cancelled"),
    "version.published": ("database", "Version {number} of {name} was published"),
    "dataset.created": ("plus", "The dataset {name} was made"),
    "dataset.deleted": ("trash-2", "The dataset {name} was deleted"),
    "theme.created": ("layers", "The theme {name} was made"),
    "theme.updated": ("layers", "The theme {name} was changed"),
    "export.published": ("download", "The export {title} is there"),
    "export.expiring": ("clock", "The export {title} expires soon"),
    "export.removed": ("trash-2", "The export {title} was removed"),
    "snapshot.published": ("archive", "The snapshot {title} is there"),
    "snapshot.removed": ("trash-2", "The snapshot {title} was removed"),
    "index.published": ("list", "The index of {title} is there"),
    "index.removed": ("trash-2", "The index of {title} was removed"),
    "tokenizer.created": ("hash", "The tokenizer {name} was uploaded"),
    "tokenizer.deleted": ("trash-2", "The tokenizer {name} was deleted"),
    "rule.created": ("scale", "The weighting rule {name} was made"),
    "rule.updated": ("scale", "The weighting rule {name} was changed"),
    "rule.deleted": ("trash-2", "The weighting rule {name} was deleted"),
    "theme.deleted": ("trash-2", "The theme {name} was deleted"),
    "feedback.begun": ("activity", "The run {name} began to tell losses"),
    "feedback.folded": ("activity", "The difficulties by the run {name} are computed"),
    "feedback.weighting": ("scale", "The weighting {name} was made of a run"),
    "feedback.removed": ("trash-2", "The run {name} was removed"),
}


@dataclass(frozen=True)
class Option:
    """One line of the palette."""

    label: str
    url: str
    icon: str
    what: str


@login_required
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """What there is and what is going on, live."""
    datasets = Dataset.objects.visible_to(request.user)
    jobs = Job.objects.visible_to(request.user)
    held = datasets.aggregate(samples=Sum("latest__num_samples"), size=Sum("latest__num_bytes"))
    context: dict[str, Any] = {
        "held": held,
        "num_failed": jobs.filter(state="failed").count(),
        "active_jobs": list(jobs.filter(state__in=ACTIVE).order_by("id")[:JOBS_SHOWN]),
        "past_jobs": list(jobs.exclude(state__in=ACTIVE).order_by("-id")[:JOBS_SHOWN]),
        "datasets": list(datasets.select_related("latest").order_by("-updated_at")[:DATASETS_SHOWN]),
        "happenings": happenings(request),
    }
    return render(request, "console/overview.html", context)


def happenings(request: HttpRequest) -> list[dict[str, Any]]:
    """The last events as sentences with their icons and links."""
    events = Event.objects.visible_to(request.user).filter(kind__in=EVENT_WORDS).select_related("job")
    return [_happening(event) for event in events.order_by("-id")[:EVENTS_SHOWN]]


def _happening(event: Event) -> dict[str, Any]:
    icon, words = EVENT_WORDS[event.kind]
    title = event.job.title if event.job else "A job"
    values = {"title": title, "name": "", "number": "", **event.data}
    return {
        "icon": icon,
        "words": words.format_map(values),
        "url": _link(event),
        "created_at": event.created_at,
    }


def _link(event: Event) -> str:
    noun, _, verb = event.kind.partition(".")
    if verb in ("deleted", "removed"):
        return ""
    if noun == "job":
        return reverse("job", args=[event.job_id]) if event.job_id else ""
    if noun == "tokenizer":  # which has no page of its own
        return reverse("tokenizer-list")
    target = event.data.get(noun)
    return reverse(noun, args=[target]) if target else ""


@login_required
@require_safe
def palette(request: HttpRequest) -> HttpResponse:
    """The palette's options for what has been typed, as a fragment."""
    query = request.GET.get("q", "").strip()
    wanted = query.casefold()
    options = [
        Option(label, reverse(name), icon, keys)
        for label, name, icon, keys in PLACES
        if wanted in label.casefold()
    ]
    datasets = Dataset.objects.visible_to(request.user).filter(name__icontains=query).order_by("-updated_at")
    options += [
        Option(each.name, reverse("dataset", args=[each.pk]), "database", "dataset")
        for each in datasets[:OPTIONS_A_KIND]
    ]
    themes = Theme.objects.visible_to(request.user).filter(name__icontains=query).select_related("dataset")
    options += [
        Option(each.name, reverse("theme", args=[each.pk]), "layers", f"theme of {each.dataset.name}")
        for each in themes.order_by("-updated_at")[:OPTIONS_A_KIND]
    ]
    if query:
        jobs = Job.objects.visible_to(request.user).filter(title__icontains=query).order_by("-id")
        options += [
            Option(each.title, reverse("job", args=[each.pk]), "list-checks", f"job, {each.state}")
            for each in jobs[:OPTIONS_A_KIND]
        ]
    return render(request, "console/palette_options.html", {"options": options})
