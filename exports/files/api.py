"""REST: exports as files, and the artifacts that they are made of."""

from typing import Any

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from exports.delivery.dry_run import describe
from exports.files import body, services
from exports.limits import Consumer
from exports.links.services import LinkedFile, refs_seen
from exports.models import FileExport
from themis_admin.accounts import audit
from themis_admin.artifacts.models import Artifact, ArtifactRef
from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.jobs import services as jobs
from themis_admin.jobs.api import in_state
from themis_admin.web.api import PAGING
from themisdb_datasets.engine.plans.files import TYPES
from themisdb_datasets.errors import MalformedError, NotFoundError

OBJECT = OpenApiTypes.OBJECT
MAX_DAYS = 36_500
BODY = inline_serializer(
    "FileExportBody",
    {
        "theme": serializers.CharField(required=False),
        "dataset": serializers.CharField(required=False),
        "file": inline_serializer(
            "FileOptions",
            {
                "type": serializers.ChoiceField(choices=list(TYPES), default="jsonl"),
                "max_bytes": serializers.IntegerField(
                    required=False, help_text="the lines' bytes a file, before compression"
                ),
            },
        ),
    },
)


class FileExportsView(DatasetsApi):
    """Exports as files."""

    scopes = {"POST": "export"}
    parameters = ("state", "ordering", *PAGING)

    @extend_schema(operation_id="exports_list", responses=OBJECT, parameters=[OpenApiParameter("state")])
    def get(self, request: Request) -> Response:
        """Those one may see, the newest first."""
        rows = FileExport.objects.visible_to(self.user).select_related("owner", "job__owner")
        rows = in_state(rows, request)
        return self.paginated(rows, ordering=("-created_at", "created_at", "-num_bytes", "expires_at"))

    @extend_schema(request=BODY, responses={202: OBJECT})
    def post(self, request: Request) -> Response:
        """The export API's fields, and `file`: {"type", "max_bytes"}. A dry run answers the plan instead."""
        asked = body.open_export(request.data, consumer=Consumer.of(request))
        if asked.body.dry_run:
            return Response(describe(asked.opened))
        job = self.once({"body": request.data}, lambda: services.start_export(asked, user=self.user))
        export = (
            FileExport.objects.filter(pk=job.params["export"]).select_related("owner", "job__owner").first()
        )
        answer = {"job": job.to_dict(), "export": export.to_dict() if export is not None else None}
        return Response(answer, status=202, headers={"Location": job.url})


class FileExportView(DatasetsApi):
    """One export."""

    scopes = {"PATCH": "export", "DELETE": "export"}
    parameters = ("break_links", "dry_run")

    @extend_schema(operation_id="exports_retrieve", responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        """The export with its files and its manifest."""
        return Response(described(find(self, pk)))

    @extend_schema(
        request=inline_serializer("Prolong", {"keep_days": serializers.IntegerField(allow_null=True)}),
        responses=OBJECT,
    )
    def patch(self, request: Request, pk: int) -> Response:
        """`keep_days`: keep it so long from now; null keeps it for good."""
        export = find(self, pk)
        document = request.data
        if not isinstance(document, dict) or set(document) != {"keep_days"}:
            raise MalformedError.at(
                "keep_days", 'Only keep_days can be changed, as in {"keep_days": 30}.', code="bad_parameter"
            )
        days = document["keep_days"]
        if days is not None and (
            not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= MAX_DAYS
        ):
            raise MalformedError.at(
                "keep_days",
                "keep_days is a whole number from 1 to {most:,}, or null to keep it for good.",
                code="bad_parameter",
                most=MAX_DAYS,
            )
        services.prolong(export, user=self.user, days=days)
        return Response(described(export))

    @extend_schema(
        responses={204: None},
        parameters=[OpenApiParameter("break_links", bool), OpenApiParameter("dry_run", bool)],
    )
    def delete(self, request: Request, pk: int) -> Response:
        """Remove it; 409 with the links that would break, unless `break_links` allows that. `dry_run` only tells."""
        export = find(self, pk)
        if self.flag("dry_run"):
            return Response(services.removal(export))
        services.remove_export(export, user=self.user, break_links=self.flag("break_links"))
        jobs.submit(
            "collect", owner=self.user, title="Free the space of a removed export", params={}, lane="collect"
        )
        return Response(status=204)

    def flag(self, name: str) -> bool:
        """A query parameter that is true or false."""
        text = self.request.query_params.get(name, "false")
        if text not in ("true", "false", "1", "0"):
            raise MalformedError.at(name, "{name} is true or false.", name=name)
        return text in ("true", "1")


def find(view: DatasetsApi, pk: int) -> FileExport:
    """The export, if the user may see it."""
    rows = FileExport.objects.visible_to(view.user).select_related("owner", "job__owner")
    row: FileExport = get_object_or_404(rows, pk=pk)
    return row


def described(export: FileExport) -> dict[str, Any]:
    """An export with its files and its manifest."""
    counts = export.sample_counts()
    files = [
        {
            "name": ref.name,
            "artifact": ref.artifact_id,
            "url": ref.artifact.url,
            "sha256": ref.artifact.digest,
            "num_bytes": ref.artifact.num_bytes,
            "num_samples": counts.get(ref.name),
        }
        for ref in export.refs()
    ]
    return {**export.to_dict(), "files": files, "manifest": export.manifest}


class ArtifactsView(DatasetsApi):
    """Published files."""

    parameters = ("ordering", *PAGING)

    @extend_schema(operation_id="artifacts_list", responses=OBJECT)
    def get(self, request: Request) -> Response:
        """Those that something of one's own keeps, with who keeps them."""
        asked = self.pagination_class()
        rows = Artifact.objects.visible_to(self.user)
        page = asked.paginate_queryset(rows, request, view=self) or []
        refs: dict[int, list[ArtifactRef]] = {row.pk: [] for row in page}
        # One query for the whole page, and only the refs that
        # the reader may see: others may keep the same file.
        seen = ArtifactRef.objects.visible_to(self.user).filter(artifact__in=page).select_related("owner")
        for ref in seen:
            refs[ref.artifact_id].append(ref)
        return asked.get_paginated_response([row.to_dict(refs[row.pk]) for row in page])


class ArtifactView(DatasetsApi):
    """One published file: its bytes."""

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """All of it or a range, with its ETag and its SHA-256 in `Digest`."""
        artifact, refs = self.find(pk)
        file = LinkedFile(refs[0].name, artifact).immutable
        if not file.path.is_file():
            raise NotFoundError("The file is not in the storage any more.")
        part = file.requested_range(request._request)
        if request.method == "GET" and part.status in (200, 206):
            detail = {"file": file.name, "start": part.start, "num_bytes": part.num_bytes}
            audit.record(user=self.user, action="artifact.downloaded", object=artifact.url, detail=detail)
        return file.respond(request._request, part)

    def find(self, pk: int) -> tuple[Artifact, list[ArtifactRef]]:
        """The artifact and those refs that the user may see; 404 without any."""
        artifact: Artifact = get_object_or_404(Artifact.objects.visible_to(self.user), pk=pk)
        refs = list(refs_seen(artifact, self.user))
        if not refs:
            raise NotFoundError("Nobody keeps this file any more.")
        return artifact, refs


class ArtifactAboutView(ArtifactView):
    """One published file: what it is, and who keeps it."""

    @extend_schema(operation_id="artifacts_about", responses=OBJECT)
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """Its digest and size, and who keeps it."""
        artifact, refs = self.find(pk)
        return Response(artifact.to_dict(refs))
