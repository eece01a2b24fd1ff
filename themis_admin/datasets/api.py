"""REST: datasets, their versions with samples and rejected lines, and themes."""

from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.api import PAGING, StrictJSONParser
from themis_admin.datasets import mending, samples, services
from themis_admin.datasets.base import DatasetsApi
from themis_admin.datasets.browsing import Rejects
from themis_admin.datasets.models import Dataset, Theme, Upload
from themis_admin.datasets.serializers import (
    DatasetBody,
    IngestBody,
    MendedBody,
    PageQuery,
    PreviewBody,
    SamplesQuery,
    ThemeBody,
)
from themis_admin.jobs.models import Job
from themisdb_datasets.errors import ImpossibleError, NotFoundError

OBJECT = OpenApiTypes.OBJECT
ORDERING = OpenApiParameter("ordering", description="a field, with - before it descending")


class DatasetsView(DatasetsApi):
    """The datasets one may see, and new ones."""

    parameters = ("name", "ordering", *PAGING)

    @extend_schema(
        operation_id="datasets_list",
        responses=OBJECT,
        parameters=[OpenApiParameter("name", description="a part of it"), ORDERING],
    )
    def get(self, request: Request) -> Response:
        datasets = Dataset.objects.visible_to(request.user).with_latest()
        if name := request.query_params.get("name"):
            datasets = datasets.filter(name__icontains=name)
        return self.paginated(datasets, ordering=("name", "created_at", "updated_at"))

    @extend_schema(request=DatasetBody, responses={201: OBJECT})
    def post(self, request: Request) -> Response:
        dataset = services.create_dataset(user=self.user, **self.body(DatasetBody))
        return Response(dataset.to_dict(), status=201, headers={"Location": dataset.url})


class DatasetView(DatasetsApi):
    """One dataset."""

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        return Response(self.dataset(pk).to_dict())

    @extend_schema(request=DatasetBody, responses=OBJECT)
    def patch(self, request: Request, pk: int) -> Response:
        dataset = self.dataset(pk)
        changed = services.update_dataset(dataset, user=self.user, **self.body(DatasetBody, partial=True))
        return Response(changed.to_dict())

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        services.delete_dataset(self.dataset(pk), user=self.user)
        return Response(status=204)


class DatasetVersionsView(DatasetsApi):
    """A dataset's versions, and the ingest that makes a new one."""

    parameters = ("ordering", *PAGING)

    parser_classes = [StrictJSONParser, MultiPartParser]

    @extend_schema(operation_id="datasets_versions_list", responses=OBJECT, parameters=[ORDERING])
    def get(self, request: Request, pk: int) -> Response:
        versions = self.dataset(pk).versions.for_lists()
        return self.paginated(versions, ordering=("-number", "number", "created_at", "num_samples"))

    @extend_schema(request=IngestBody, responses={202: OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        dataset = self.dataset(pk)
        body = self.body(IngestBody)
        # Of a file its name and size go into the fingerprint
        # of the request: these are known without reading it.
        files = [[file.name, file.size] for file in body.get("file", ())]
        job = self.once({**body, "file": files}, lambda: self._start(dataset, body))
        return Response({"job": job.to_dict()}, status=202, headers={"Location": f"/api/v1/jobs/{job.pk}/"})

    def _start(self, dataset: Dataset, body: dict[str, Any]) -> Job:
        mode, note = body["mode"], body["note"]
        if mode == "delete":
            return services.start_delete(dataset, user=self.user, where=body["where"], note=note)
        services.check_mode(mode, (*services.MODES, "delete"))
        if "uri" in body:
            message = "Objects in a bucket cannot be ingested yet; upload the file instead."
            raise ImpossibleError(message, code="uri_unavailable", fields={"uri": message})
        paths = body.get("paths", [body["path"]] if "path" in body else [])
        sources = [
            *body.get("file", ()),
            *(services.allowed_path(path) for path in paths),
            *map(self._upload, body.get("uploads", [body["upload"]] if "upload" in body else [])),
        ]
        return services.start_ingest(dataset, user=self.user, sources=sources, mode=mode, note=note)

    def _upload(self, pk: UUID) -> Upload:
        upload = Upload.objects.visible_to(self.user).filter(pk=pk).first()
        if upload is None:
            raise NotFoundError("There is no such upload.", fields={"upload": "There is no such upload."})
        return upload


class VersionView(DatasetsApi):
    """One version."""

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        return Response(self.version(pk).to_dict())


class SamplesView(DatasetsApi):
    """A version's samples, by theme, filter, search and order."""

    parameters = ("theme", "where", "search", "order_by", "offset", "length")

    @extend_schema(operation_id="versions_samples_list", parameters=[SamplesQuery], responses=OBJECT)
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        version = self.version(pk)
        query = self.query(SamplesQuery)
        if "where" in query:
            query["where"] = samples.parse_json(query["where"], field="where")
        if "theme" in query:
            query["theme"] = self.theme_of(version, query["theme"])
        page = samples.page(version, **query)
        links = msgspec.json.encode(self.links(query["offset"], query["length"], page.next_offset))
        # Put together from bytes: a sample that went through a parser would come out respelled, 1e3 as 1000.0
        # and a number of 20 digits rounded. `links[1:-1]` is the object of links without its braces.
        body = b'{"num_samples":%d,%b,"results":%b}' % (page.num_samples, links[1:-1], page.results())
        return HttpResponse(body, content_type="application/json")


class SampleView(DatasetsApi):
    """One sample by its position, spelled as it came in."""

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, pk: int, position: int) -> HttpResponseBase:
        line = samples.sample(self.version(pk), position)
        return HttpResponse(
            b'{"position":%d,"sample":%b}' % (position, line), content_type="application/json"
        )


class RejectsView(DatasetsApi):
    """The lines that a version's ingest rejected."""

    parameters = ("offset", "length", "download")

    @extend_schema(
        operation_id="versions_rejects_list",
        parameters=[PageQuery, OpenApiParameter("download", bool)],
        responses=OBJECT,
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        version = self.version(pk)
        return self.rejects(
            version.job_id, f"rejects-version-{version.pk}.jsonl", num_rejects=version.num_rejects
        )

    @extend_schema(request=MendedBody, responses={202: OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        """Send lines that were mended as samples of a new version."""
        return _mended(self, mending.Rejected.of_version(self.version(pk)))


class JobRejectsView(DatasetsApi):
    """The lines that an ingest rejected, also when it made no version."""

    parameters = ("offset", "length", "download")

    @extend_schema(
        operation_id="jobs_rejects_list",
        parameters=[PageQuery, OpenApiParameter("download", bool)],
        responses=OBJECT,
    )
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        job = get_object_or_404(Job.objects.visible_to(request.user), pk=pk)
        return self.rejects(job.pk, f"rejects-job-{job.pk}.jsonl", num_rejects=len(Rejects.of_job(job.pk)))

    @extend_schema(request=MendedBody, responses={202: OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        """Send lines that were mended as samples of a new version."""
        job = get_object_or_404(Job.objects.visible_to(request.user), pk=pk)
        return _mended(self, mending.Rejected.of_job(job, user=self.user))


def _mended(view: DatasetsApi, rejected: mending.Rejected) -> Response:
    body = view.body(MendedBody)
    lines = mending.as_lines(body["lines"])
    mode, note = body["mode"], body["note"]
    job = view.once(
        body,
        lambda: mending.start_mended(rejected, user=view.user, lines=lines, mode=mode, note=note),
    )
    return Response({"job": job.to_dict()}, status=202, headers={"Location": job.url})


class ThemesView(DatasetsApi):
    """All themes one may see."""

    parameters = ("dataset", "name", "ordering", *PAGING)

    @extend_schema(
        operation_id="themes_list",
        responses=OBJECT,
        parameters=[OpenApiParameter("dataset", int), OpenApiParameter("name"), ORDERING],
    )
    def get(self, request: Request) -> Response:
        themes = Theme.objects.visible_to(request.user).select_related("created_by")
        if dataset := request.query_params.get("dataset"):
            themes = themes.filter(dataset=self.number(dataset, "dataset"))
        if name := request.query_params.get("name"):
            themes = themes.filter(name__icontains=name)
        return self.paginated(themes, ordering=("name", "created_at", "updated_at"))


class DatasetThemesView(DatasetsApi):
    """A dataset's themes, and new ones."""

    parameters = ("ordering", *PAGING)

    @extend_schema(operation_id="datasets_themes_list", responses=OBJECT, parameters=[ORDERING])
    def get(self, request: Request, pk: int) -> Response:
        themes = self.dataset(pk).themes.select_related("created_by")
        return self.paginated(themes, ordering=("name", "created_at", "updated_at"))

    @extend_schema(request=ThemeBody, responses={201: OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        theme = services.create_theme(self.dataset(pk), user=self.user, **self.body(ThemeBody))
        return Response(theme.to_dict(), status=201, headers={"Location": theme.url})


class ThemePreviewView(DatasetsApi):
    """What a filter would keep, counted on the latest version; reading is enough for it."""

    scopes = {"POST": "read"}

    @extend_schema(request=PreviewBody, responses=OBJECT)
    def post(self, request: Request, pk: int) -> HttpResponseBase:
        preview = samples.preview(self.dataset(pk), self.body(PreviewBody)["where"])
        figures = {"num_samples": preview.num_samples, "total": preview.total, "counts": preview.counts}
        body = b'{%b,"samples":%b}' % (msgspec.json.encode(figures)[1:-1], preview.page.results())
        return HttpResponse(body, content_type="application/json")


class ThemeView(DatasetsApi):
    """One theme."""

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        return Response(self.theme(pk).to_dict())

    @extend_schema(request=ThemeBody, responses=OBJECT)
    def patch(self, request: Request, pk: int) -> Response:
        theme = self.theme(pk)
        return Response(
            services.update_theme(theme, user=self.user, **self.body(ThemeBody, partial=True)).to_dict()
        )

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        services.delete_theme(self.theme(pk), user=self.user)
        return Response(status=204)
