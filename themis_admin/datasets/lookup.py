"""What the API views of datasets share: finding objects, reading bodies and queries, pages of answers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, OfDataset, OfDatasetQuerySet, Theme, Version, WeightingRule
from themis_admin.jobs import idempotency
from themis_admin.jobs.models import Job
from themis_admin.web.api import ThemisView
from themisdb_datasets.errors import MalformedError, NotFoundError
from themisdb_datasets.names import nearest

Row = TypeVar("Row", bound=Model)
DatasetPart = TypeVar("DatasetPart", bound=OfDataset)


class DatasetsApi(ThemisView):
    """A view that finds only what its user may see; everything else is 404."""

    parameters: Sequence[str] = ()

    @property
    def user(self) -> User:
        """The user, who is logged in: the permission has seen to that."""
        return cast(User, self.request.user)

    def dataset(self, pk: int) -> Dataset:
        return get_object_or_404(Dataset.objects.visible_to(self.user).with_latest(), pk=pk)

    def version(self, pk: int) -> Version:
        versions = Version.objects.visible_to(self.user).select_related("dataset", "created_by")
        return get_object_or_404(versions, pk=pk)

    def theme(self, pk: int) -> Theme:
        themes = Theme.objects.visible_to(self.user).select_related(
            "dataset__latest", "dataset__owner", "created_by"
        )
        return get_object_or_404(themes, pk=pk)

    def theme_of(self, version: Version, pk: int) -> Theme:
        """A theme of the version's dataset, named in a query; NotFoundError where the user sees none."""
        found = Theme.objects.visible_to(self.user).filter(pk=pk, dataset=version.dataset_id).first()
        if found is None:
            raise NotFoundError.at(
                "theme", "The dataset has no such theme; its themes are listed at datasets/{id}/themes/."
            )
        return found

    def named_or_numbered(
        self,
        rows: OfDatasetQuerySet[DatasetPart],
        dataset_id: int,
        given: int | str,
        *,
        field: str,
        noun: str,
    ) -> DatasetPart:
        """The one of this id, or of this name in the dataset in any case; NotFoundError."""
        rows = rows.visible_to(self.user)
        if isinstance(given, str):
            there = rows.filter(dataset=dataset_id)
            if (named := there.named(given).first()) is not None:
                return named
            names = sorted(there.values_list("name", flat=True))
            unknown = NotFoundError.at(
                field,
                "The dataset has no {noun} {given!r}{hint}.",
                noun=noun,
                given=given,
                hint=nearest(given, names),
            )
        else:
            unknown = NotFoundError.at(field, "There is no {noun} {given}.", noun=noun, given=given)
        # A name goes before an id: things may be called 2024.
        # The length keeps a number from overflowing the column.
        found = rows.filter(pk=given).first() if str(given).isdecimal() and len(str(given)) < 19 else None
        if found is None:
            raise unknown
        return found

    def body(self, body: type[Serializer[Any]], *, partial: bool = False) -> dict[str, Any]:
        """The request's body, checked; 400 with the fields at fault."""
        serializer = body(data=self.request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def query(self, query: type[Serializer[Any]]) -> dict[str, Any]:
        """The request's query parameters, checked."""
        serializer = query(data=self.request.query_params)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def once(self, what: Mapping[str, Any], start: Callable[[], Job]) -> Job:
        """Start a job, or find the one that a request with the same Idempotency-Key has started."""
        key = self.request.headers.get("Idempotency-Key", "")
        if not key:
            return start()
        # The path counts as part of the request: a key that was used for another dataset is not this one's.
        return idempotency.once(self.user, key, {"path": self.request.path, **what}, start)

    def number(self, text: str, field: str) -> int:
        """A query parameter that is a number."""
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise MalformedError.at(field, "This is a whole number.")
        return int(text)

    def paginated(self, rows: QuerySet[Any], *, ordering: tuple[str, ...]) -> Response:
        """A page of objects; `ordering` are the fields to order by, the first is the default."""
        asked = self.request.query_params.get("ordering", ordering[0])
        names = [name.removeprefix("-") for name in ordering]
        if asked.removeprefix("-") not in names:
            raise MalformedError.at(
                "ordering", "There is no order by {asked!r}{hint}.", asked=asked, hint=nearest(asked, names)
            )
        sign = "-" if asked.startswith("-") else ""
        paginator = self.pagination_class()
        # A cursor goes on behind a row's value, and many rows
        # may have the same; with the id no two are alike.
        paginator.ordering = (asked, f"{sign}id")
        page = paginator.paginate_queryset(rows, self.request, view=self)
        return paginator.get_paginated_response([row.to_dict() for row in page or []])

    def links(self, offset: int, length: int, next_offset: int | None) -> dict[str, str | None]:
        """The addresses of the pages around one that is counted by offset."""
        previous = max(0, offset - length) if offset else None
        return {"next": self._page_url(next_offset), "previous": self._page_url(previous)}

    def _page_url(self, offset: int | None) -> str | None:
        if offset is None:
            return None
        query = self.request.query_params.copy()
        query["offset"] = str(offset)
        return self.request.build_absolute_uri(f"{self.request.path}?{query.urlencode()}")


DATASETS_OFFERED = 100  # where one is chosen


def get_dataset(request: HttpRequest, pk: int) -> Dataset:
    """The dataset, or 404 where the user may not see it."""
    rows = Dataset.objects.visible_to(request.user).select_related("owner", "latest__parent")
    return get_object_or_404(rows, pk=pk)


def chosen_dataset(request: HttpRequest) -> Dataset | None:
    """The dataset that a list is narrowed to by `?dataset=`; one that is not there narrows nothing."""
    pk = request.GET.get("dataset", "")
    if not (pk.isascii() and pk.isdigit() and len(pk) < 19):
        return None
    return Dataset.objects.visible_to(request.user).filter(pk=int(pk)).first()


def offered_datasets(request: HttpRequest, chosen: Dataset | None) -> list[Dataset]:
    """The first datasets by name, and the chosen one in any case."""
    found = list(Dataset.objects.visible_to(request.user).order_by("name")[:DATASETS_OFFERED])
    return found if chosen is None or chosen in found else [chosen, *found]


def active_jobs(request: HttpRequest, row: Dataset) -> "list[Job]":
    """What is queued or running in the dataset's lane."""
    jobs = Job.objects.visible_to(request.user).filter(lane=row.lane, state__in=("queued", "running"))
    return list(jobs.order_by("id"))


def get_rule(request: HttpRequest, pk: int) -> WeightingRule:
    """The rule, or 404 where the user may not see it."""
    found = WeightingRule.objects.visible_to(request.user).select_related(
        "dataset__latest", "dataset__owner", "created_by"
    )
    return get_object_or_404(found, pk=pk)


def get_theme(request: HttpRequest, pk: int) -> Theme:
    """The theme, or 404 where the user may not see it."""
    rows = Theme.objects.visible_to(request.user).select_related(
        "dataset__latest", "dataset__owner", "created_by"
    )
    return get_object_or_404(rows, pk=pk)


def get_version(request: HttpRequest, pk: int) -> Version:
    """The version, or 404 where the user may not see it."""
    rows = Version.objects.visible_to(request.user).select_related("dataset__owner", "parent")
    return get_object_or_404(rows, pk=pk)
