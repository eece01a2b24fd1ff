"""The console's pages about weighting rules: list, form with curve and live histogram, one rule, deleting."""

import json
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from themis_admin.accounts.models import User
from themis_admin.datasets import cards, rules
from themis_admin.datasets.forms import RuleForm
from themis_admin.datasets.models import Dataset, WeightingRule
from themis_admin.datasets.pages import chosen_dataset, get_dataset, offered_datasets
from themis_admin.datasets.rule_api import spread_document
from themisdb_datasets.errors import ThemisError
from themisdb_datasets.rules import parse_rule

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
WRITTEN = {
    kind: what for kind, what in KINDS.items() if kind != "adaptive"
}  # by hand; that one is made of a run
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
            rule = rules.create_rule(dataset, user=cast(User, request.user), **form.cleaned_data)
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
            rules.update_rule(rule, user=cast(User, request.user), **form.cleaned_data)
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
            spread = rules.preview(row.dataset, row.definition)
            context.update(spread=spread, spread_data=spread_document(spread))
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
    explained = rules.explain_sample(latest, position, {row.name: parse_rule(row.definition)})
    shown = cards.cards(latest.open(), cards.Layout.of(row.dataset, latest), [position])
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
        rules.delete_rule(row, user=cast(User, request.user))
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


def get_rule(request: HttpRequest, pk: int) -> WeightingRule:
    """The rule, or 404 where the user may not see it."""
    found = WeightingRule.objects.visible_to(request.user).select_related(
        "dataset__latest", "dataset__owner", "created_by"
    )
    return get_object_or_404(found, pk=pk)
