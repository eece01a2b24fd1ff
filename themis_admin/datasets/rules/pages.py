"""The console's pages about weighting rules: list, form with curve and live histogram, one rule, deleting, comparing two."""

import json
from collections.abc import Iterable
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from themis_admin.accounts.models import User
from themis_admin.datasets.lookup import chosen_dataset, get_dataset, get_rule, offered_datasets
from themis_admin.datasets.models import Dataset, Version, WeightingRule
from themis_admin.datasets.rules import comparisons, services
from themis_admin.datasets.rules.forms import CompareForm, RuleForm
from themis_admin.datasets.samples import cards
from themisdb_datasets.engine.selections.comparison import Change
from themisdb_datasets.engine.weights.rules import parse_rule
from themisdb_datasets.errors import ThemisError

PAGE_SIZE = 50
KINDS = {
    "value": "the field's own number",
    "map": "a factor for each value",
    "freshness": "newer samples weigh more",
    "length": "longer texts weigh more",
    "linear": "a line between points",
    "step": "steps over a number",
    "expression": "a free expression",
    "adaptive": "what a training run found hard",
}
# By hand; the other one is made of a run.
WRITTEN = {kind: what for kind, what in KINDS.items() if kind != "adaptive"}
START = {"kind": "freshness", "half_life_days": 365}


@login_required
@require_safe
def rule_list(request: HttpRequest) -> HttpResponse:
    """The rules of every dataset the user may see."""
    query = request.GET.get("q", "").strip()
    found = WeightingRule.objects.visible_to(request.user).select_related("dataset").order_by("name", "pk")
    chosen = chosen_dataset(request)
    if query:
        found = found.filter(name__icontains=query)
    if chosen:
        found = found.filter(dataset=chosen)
    context = {
        "page": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
        "query": query,
        "datasets": offered_datasets(request, chosen),
        "chosen": chosen,
    }
    return render(request, "datasets/rules/list.html", context)


@login_required
def rule_new(request: HttpRequest, pk: int) -> HttpResponse:
    dataset = get_dataset(request, pk)
    start = {**START, "field": dataset.timestamp_field}
    form = RuleForm(request.POST or None, initial={"definition": json.dumps(start, indent=1)})
    if request.method == "POST" and form.is_valid():
        try:
            rule = services.create_rule(dataset, user=cast(User, request.user), **form.cleaned_data)
        except ThemisError as error:
            form.add_service_error(error)
        else:
            messages.success(request, f"{rule.name} is saved.")
            return redirect("rule", rule.pk)
    return _form(request, form, dataset)


@login_required
def rule_edit(request: HttpRequest, pk: int) -> HttpResponse:
    rule = get_rule(request, pk)
    definition = json.dumps(rule.definition, indent=1, ensure_ascii=False)
    start = {"name": rule.name, "description": rule.description, "definition": definition}
    form = RuleForm(request.POST or None, initial=start)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_rule(rule, user=cast(User, request.user), **form.cleaned_data)
        except ThemisError as error:
            form.add_service_error(error)
            rule.refresh_from_db()
        else:
            messages.success(request, "Saved. Streams that have begun keep the rule they began with.")
            return redirect("rule", pk)
    return _form(request, form, rule.dataset, rule)


def _form(
    request: HttpRequest, form: RuleForm, dataset: Dataset, rule: WeightingRule | None = None
) -> HttpResponse:
    latest = dataset.latest
    adaptive = rule is not None and rule.definition["kind"] == "adaptive"
    context = {
        "form": form,
        "dataset": dataset,
        "rule": rule,
        "latest": latest,
        "kinds": {"adaptive": KINDS["adaptive"]} if adaptive else WRITTEN,
        "adaptive": adaptive,
        "field_names": [field["name"] for field in latest.fields] if latest else [],
    }
    return render(request, "datasets/rules/form.html", context, status=422 if form.errors else 200)


@login_required
@require_safe
def rule(request: HttpRequest, pk: int) -> HttpResponse:
    """One rule: how its factors are spread over the latest version, and what it gives to one sample."""
    row = get_rule(request, pk)
    latest = row.dataset.latest
    context: dict[str, Any] = {
        "rule": row,
        "dataset": row.dataset,
        "version": latest,
        "kind": KINDS[row.definition["kind"]],
    }
    if latest is not None:
        try:
            spread = services.preview(row.dataset, row.definition)
            context.update(spread=spread, spread_data=services.spread_document(spread))
            context.update(_sample(request, row))
        except ThemisError as error:
            context["error"] = str(error)
    return render(request, "datasets/rules/rule.html", context)


def _sample(request: HttpRequest, row: WeightingRule) -> dict[str, Any]:
    """The sample that is asked for, and its factor."""
    asked = request.GET.get("sample", "0")
    latest = row.dataset.latest
    assert latest is not None  # the caller has looked
    position = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0
    position = min(position, max(latest.num_samples - 1, 0))
    if not latest.num_samples:
        return {}
    explained = services.explain_sample(latest, position, {row.name: parse_rule(row.definition)})
    shown = cards.cards(latest.open(), cards.CardLayout.of(row.dataset, latest), [position])
    return {
        "position": position,
        "factor": explained.factors[row.name],
        "cards": shown,
        "previous": position - 1 if position else None,
        "following": position + 1 if position + 1 < latest.num_samples else None,
    }


@login_required
def rule_delete(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_rule(request, pk)
    if request.method == "POST":
        name, dataset_id = row.name, row.dataset_id
        services.delete_rule(row, user=cast(User, request.user))
        messages.success(request, f"{name} is deleted.")
        return redirect("dataset", dataset_id)
    context = {
        "heading": f"Delete the weighting rule {row.name}",
        "action": "Delete the rule",
        "consequences": [
            f"Requests that weight by “{row.name}” are refused from then on.",
            "Streams and plans that were made with it keep its text and go on.",
        ],
        "back": reverse("rule", args=[pk]),
        "back_label": row.name,
    }
    return render(request, "confirm.html", context)


@login_required
@require_safe
def rule_compare(request: HttpRequest, pk: int) -> HttpResponse:
    """Both weightings over the latest version: figures, histograms, and the samples that gain and lose most."""
    dataset = get_dataset(request, pk)
    asked = bool({"a", "b"} & set(request.GET))
    form = CompareForm(dataset, request.GET if asked else None, initial={"theme": request.GET.get("theme")})
    context: dict[str, Any] = {
        "dataset": dataset,
        "version": dataset.latest,
        "form": form,
        "num_rules": dataset.weighting_rules.count(),
    }
    if dataset.latest is not None and asked and form.is_valid():
        try:
            context.update(_compared(dataset, dataset.latest, form.cleaned_data))
        except ThemisError as error:
            form.add_service_error(error)
    return render(request, "datasets/rules/compare.html", context, status=422 if form.errors else 200)


def _compared(dataset: Dataset, version: Version, chosen: dict[str, Any]) -> dict[str, Any]:
    sides, theme = [list(chosen[side]) for side in ("a", "b")], chosen["theme"]
    found = comparisons.compare_rules(version, *sides, theme=theme)
    document = comparisons.to_document(found, version, theme)
    return {
        "found": found,
        "sides": [
            (name, rules, side, round(side.effective))
            for name, rules, side in zip("AB", sides, (found.a, found.b), strict=True)
        ],
        "moved": 100 * found.moved,
        "bins": document["bins"],
        "gaining": _shown(dataset, version, found.gaining),
        "losing": _shown(dataset, version, found.losing),
    }


def _shown(dataset: Dataset, version: Version, changes: Iterable[Change]) -> list[tuple[cards.Card, Change]]:
    changes = list(changes)
    layout = cards.CardLayout.of(dataset, version)
    shown = cards.cards(version.open(), layout, [each.position for each in changes])
    return list(zip(shown, changes, strict=True))
