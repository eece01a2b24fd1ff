"""REST: one version, and what is done with whole ones."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.datasets.versions import compaction, services
from themis_admin.web.api import OBJECT
from themis_admin.web.bodies import Body


class VersionView(DatasetsApi):
    """One version."""

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        return Response(self.version(pk).to_dict())


OBJECT = OpenApiTypes.OBJECT


class NoteBody(Body):
    note = serializers.CharField(default="", allow_blank=True)


class RestoreView(DatasetsApi):
    """An old version's samples as the newest version."""

    @extend_schema(request=NoteBody, responses={202: OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        version, body = self.version(pk), self.body(NoteBody)
        job = self.once(body, lambda: services.start_restore(version, user=self.user, **body))
        return Response({"job": job.to_dict()}, status=202, headers={"Location": job.url})


class CompactionView(DatasetsApi):
    """GET tells what would be written anew, POST starts the job."""

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        return Response(compaction.outlook(self.dataset(pk)).to_dict())

    @extend_schema(request=NoteBody, responses={202: OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        dataset, body = self.dataset(pk), self.body(NoteBody)
        job = self.once(body, lambda: compaction.start_compaction(dataset, user=self.user, **body))
        return Response({"job": job.to_dict()}, status=202, headers={"Location": job.url})
