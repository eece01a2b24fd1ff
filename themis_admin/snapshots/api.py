"""REST: snapshots, the newest of each series, their download as one file, and their verification."""

from typing import Any

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.accounts import audit
from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.datasets.models import Theme, Version, WeightingRule
from themis_admin.jobs.api import in_state
from themis_admin.jobs.models import Job
from themis_admin.snapshots import services
from themis_admin.snapshots.models import Snapshot
from themis_admin.snapshots.serializers import SnapshotBody
from themis_admin.web.api import OBJECT, ORDERING, PAGING
from themis_admin.web.byteranges import AnsweredRange
from themisdb_datasets.errors import MalformedError, NotFoundError

BINARY = {(200, "application/octet-stream"): OpenApiTypes.BINARY}
FILTERS = ("dataset", "version", "theme")


class SnapshotsApi(DatasetsApi):
    """What the views of snapshots share."""

    def snapshot(self, pk: int) -> Snapshot:
        return get_object_or_404(Snapshot.objects.visible_to(self.user).for_lists(), pk=pk)

    def sent(self, snapshot: Snapshot, *, moves: bool = False) -> HttpResponseBase:
        """The snapshot's one file, or the part of it that is asked for.

        Where the address `moves` on to other files, only a part of a file that the client names by `If-Range`.
        """
        file = services.database(snapshot)
        request = self.request._request
        part = file.requested_range(request)
        # A client that goes on where it stopped would otherwise join the beginning of one snapshot to the end
        # of the next, and the lengths may even fit. Without If-Range it gets all of the newest.
        if moves and part.status in (206, 416) and "If-Range" not in request.headers:
            part = AnsweredRange(200, 0, file.num_bytes)
        if request.method == "GET" and part.status in (200, 206):
            detail = {"file": file.name, "start": part.start, "num_bytes": part.num_bytes}
            audit.record(user=self.user, action="snapshot.downloaded", object=snapshot.url, detail=detail)
        return file.respond(request, part)


class SnapshotsView(SnapshotsApi):
    """The snapshots one may see, and new ones."""

    parameters = (*FILTERS, "series", "state", "current", "ordering", *PAGING)

    @extend_schema(
        operation_id="snapshots_list",
        responses=OBJECT,
        parameters=[
            *(OpenApiParameter(name, int) for name in FILTERS),
            OpenApiParameter("series"),
            OpenApiParameter("state", description="of the job that makes it"),
            OpenApiParameter("current", bool, description="only the newest of each series"),
            ORDERING,
        ],
    )
    def get(self, request: Request) -> Response:
        """The newest first."""
        rows, asked = Snapshot.objects.visible_to(self.user).for_lists(), request.query_params
        for name in FILTERS:
            if value := asked.get(name):
                rows = rows.filter(**{name: self.number(value, name)})
        if series := asked.get("series"):
            rows = rows.filter(series=series)
        rows = in_state(rows, request)
        current = asked.get("current", "false")
        if current not in ("true", "false"):
            raise MalformedError.at("current", "current is true or false.")
        if current == "true":
            rows = rows.current()
        return self.paginated(rows, ordering=("-created_at", "created_at", "-num_bytes", "num_samples"))

    @extend_schema(request=SnapshotBody, responses={202: OBJECT})
    def post(self, request: Request) -> Response:
        """Freeze a version, or what a theme keeps of it, with the weights that some rules give."""
        body = self.body(SnapshotBody)
        job = self.once({"body": request.data}, lambda: self._start(body))
        snapshot = Snapshot.objects.for_lists().filter(pk=job.params["snapshot"]).first()
        answer = {"job": job.to_dict(), "snapshot": snapshot.to_dict() if snapshot is not None else None}
        return Response(answer, status=202, headers={"Location": job.url})

    def _start(self, body: dict[str, Any]) -> Job:
        versions = Version.objects.visible_to(self.user).select_related("dataset__owner")
        version = versions.filter(pk=body["version"]).first()
        if version is None:
            raise NotFoundError.at("version", "There is no such version.")
        theme, mine = None, version.dataset_id
        if body.get("theme") is not None:
            theme = self.named_or_numbered(
                Theme.objects.all(), mine, body["theme"], field="theme", noun="theme"
            )
        rules = [
            self.named_or_numbered(
                WeightingRule.objects.all(),
                mine,
                given,
                field=f"weighting_rules[{number}]",
                noun="weighting rule",
            )
            for number, given in enumerate(body.get("weighting_rules", []))
        ]
        return services.start_snapshot(
            version,
            user=self.user,
            theme=theme,
            rules=rules,
            series=body.get("series", ""),
            keep_last=body.get("keep_last"),
        )


class SnapshotView(SnapshotsApi):
    """One snapshot."""

    @extend_schema(operation_id="snapshots_retrieve", responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        """The snapshot with its files and its manifest."""
        return Response(described(self.snapshot(pk)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Remove it; its folder in the archive stays for its readers for a while."""
        services.remove_snapshot(self.snapshot(pk), user=self.user)
        services.collect(self.user)
        return Response(status=204)


class SnapshotDownloadView(SnapshotsApi):
    """A snapshot as one DuckDB file."""

    @extend_schema(operation_id="snapshots_download", responses=BINARY)
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """All of it or a range, with its ETag and its SHA-256 in `Digest`."""
        return self.sent(self.snapshot(pk))


class SnapshotVerifyView(SnapshotsApi):
    """The verification of a snapshot."""

    @extend_schema(request=None, responses={202: OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        """Compare its files with their digests and with what its version, filter and rules give."""
        snapshot = self.snapshot(pk)
        job = self.once({"snapshot": pk}, lambda: services.start_verification(snapshot, user=self.user))
        return Response({"job": job.to_dict()}, status=202, headers={"Location": job.url})


class CurrentSnapshotView(SnapshotsApi):
    """The newest published snapshot of a series."""

    @extend_schema(operation_id="datasets_snapshots_current", responses=OBJECT)
    def get(self, request: Request, pk: int, series: str) -> Response:
        """The snapshot with its files and its manifest."""
        return Response(described(services.current(self.dataset(pk), series)))


class CurrentDownloadView(SnapshotsApi):
    """The newest published snapshot of a series as one DuckDB file."""

    @extend_schema(operation_id="datasets_snapshots_current_download", responses=BINARY)
    def get(self, request: Request, pk: int, series: str) -> HttpResponseBase:
        """Ranges need `If-Range` here, so that no download is put together from two snapshots."""
        return self.sent(services.current(self.dataset(pk), series), moves=True)


def described(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot with its files and its manifest."""
    files = [
        {
            "name": ref.name,
            "artifact": ref.artifact_id,
            "url": ref.artifact.url,
            "sha256": ref.artifact.digest,
            "num_bytes": ref.artifact.num_bytes,
        }
        for ref in snapshot.refs()
    ]
    return {**snapshot.to_dict(), "files": files, "manifest": snapshot.manifest}
