"""What the API views of datasets share: finding objects, reading bodies and queries, pages of answers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from django.db.models import Model, QuerySet
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from themis_admin.accounts.models import User
from themis_admin.api import ThemisView
from themis_admin.datasets import idempotency, samples
from themis_admin.datasets.downloads import download
from themis_admin.datasets.models import Dataset, OfDataset, OfDatasetQuerySet, Theme, Version
from themis_admin.datasets.serializers import PageQuery
from themis_admin.jobs.models import Job
from themisdb_datasets.errors import MalformedError, NotFoundError
from themisdb_datasets.names import nearest

Row = TypeVar("Row", bound=Model)
Part = TypeVar("Part", bound=OfDataset)


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
            message = "The dataset has no such theme; its themes are listed at datasets/{id}/themes/."
            raise NotFoundError(message, fields={"theme": message})
        return found

    def asked(
        self, rows: OfDatasetQuerySet[Part], dataset_id: int, given: int | str, *, field: str, noun: str
    ) -> Part:
        """The one of this id, or of this name in the dataset in any case; NotFoundError."""
        rows = rows.visible_to(self.user)
        if isinstance(given, str):
            there = rows.filter(dataset=dataset_id)
            if (named := there.named(given).first()) is not None:
                return named
            names = sorted(there.values_list("name", flat=True))
            message = f"The dataset has no {noun} {given!r}{nearest(given, names)}."
        else:
            message = f"There is no {noun} {given}."
        # A name goes before an id: things may be called 2024.
        # The length keeps a number from overflowing the column.
        found = rows.filter(pk=given).first() if str(given).isdecimal() and len(str(given)) < 19 else None
        if found is None:
            raise NotFoundError(message, fields={field: message})
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
            raise MalformedError("This is a whole number.", fields={field: "This is a whole number."})
        return int(text)

    def paginated(self, rows: QuerySet[Any], *, ordering: tuple[str, ...]) -> Response:
        """A page of objects; `ordering` are the fields to order by, the first is the default."""
        asked = self.request.query_params.get("ordering", ordering[0])
        names = [name.removeprefix("-") for name in ordering]
        if asked.removeprefix("-") not in names:
            message = f"There is no order by {asked!r}{nearest(asked, names)}."
            raise MalformedError(message, fields={"ordering": message})
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

    def rejects(self, job: int | None, filename: str, *, num_rejects: int | None) -> HttpResponseBase:
        """A page of the lines that a job rejected, or with `download` their file."""
        if self.request.query_params.get("download") in ("1", "true"):
            return download(samples.rejects_file(job), name=filename, content_type="application/x-ndjson")
        query = self.query(PageQuery)
        results, more = samples.rejects(job, **query)
        links = self.links(query["offset"], query["length"], query["offset"] + len(results) if more else None)
        return Response({"num_rejects": num_rejects, **links, "results": results})
