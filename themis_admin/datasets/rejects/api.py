"""Rejected lines over REST, by version and by job."""

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.datasets.rejects import mending, services
from themis_admin.datasets.rejects.serializers import MendedBody
from themis_admin.datasets.rejects.services import Rejects
from themis_admin.jobs.models import Job
from themis_admin.web.api import OBJECT
from themis_admin.web.bodies import PageQuery
from themis_admin.web.downloads import download


class RejectsApi(DatasetsApi):
    """What both views of rejected lines answer."""

    def rejects(self, job: int | None, filename: str, *, num_rejects: int | None) -> HttpResponseBase:
        """A page of the lines that a job rejected, or with `download` their file."""
        if self.request.query_params.get("download") in ("1", "true"):
            return download(services.rejects_file(job), name=filename, content_type="application/x-ndjson")
        query = self.query(PageQuery)
        results, more = services.rejects(job, **query)
        links = self.links(query["offset"], query["length"], query["offset"] + len(results) if more else None)
        return Response({"num_rejects": num_rejects, **links, "results": results})


class RejectsView(RejectsApi):
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


class JobRejectsView(RejectsApi):
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
