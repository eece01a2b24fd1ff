"""The console's page about old versions: what would go, why the others stay, and removing them."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from themis_admin.accounts.models import User
from themis_admin.datasets.lookup import get_dataset
from themis_admin.datasets.models import Dataset
from themis_admin.datasets.retention import services
from themis_admin.datasets.retention.services import Policy
from themisdb_datasets.errors import MalformedError, ThemisError

VERSIONS_A_PAGE = 100
NAMES = ("keep_last", "older_than_days")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def dataset_retention(request: HttpRequest, pk: int) -> HttpResponse:
    """A dry run of what the form says; a post removes, or makes it the dataset's own."""
    dataset = get_dataset(request, pk)
    given = request.POST if request.method == "POST" else request.GET
    texts = {name: given.get(name, "").strip() for name in NAMES}
    own = Policy.of(dataset)
    if not any(texts.values()) and own is not None and request.method != "POST":
        texts = {name: "" if value is None else str(value) for name, value in own.to_dict().items()}
    context: dict[str, Any] = {"dataset": dataset, "own": own, "texts": texts, "errors": {}}
    try:
        if request.method == "POST":
            return _act(request, dataset, given, texts)
        policy = _policy(texts) if any(texts.values()) else None
    except ThemisError as error:
        policy = None
        context["errors"] = error.fields or {"keep_last": str(error)}
    if policy is not None:
        fates = services.plan(dataset, policy)
        going = [fate.version for fate in fates if fate.goes]
        context.update(
            policy=policy,
            page=Paginator(fates, VERSIONS_A_PAGE).get_page(request.GET.get("page")),
            num_going=len(going),
            num_staying=len(fates) - len(going),
            freed_bytes=services.freed_bytes(going),
        )
    return render(
        request, "datasets/retention/retention.html", context, status=422 if context["errors"] else 200
    )


def _act(request: HttpRequest, dataset: Dataset, given: QueryDict, texts: dict[str, str]) -> HttpResponse:
    user = cast(User, request.user)
    if given.get("action") == "stop":
        services.set_policy(dataset, None, user=user)
        messages.success(request, "Versions are no longer removed by themselves.")
        return redirect("dataset-retention", dataset.pk)
    policy = _policy(texts)
    if given.get("action") == "save":
        services.set_policy(dataset, policy, user=user)
        messages.success(request, "This is done every day from now on.")
        return redirect("dataset-retention", dataset.pk)
    if given.get("name", "").strip() != dataset.name:
        raise MalformedError.at("name", "This is not its name.")
    return redirect("job", services.start(dataset, user=user, policy=policy).pk)


def _policy(texts: dict[str, str]) -> Policy:
    values: dict[str, Any] = {
        name: int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
        for name, text in texts.items()
        if text
    }
    return Policy.parse(values)
