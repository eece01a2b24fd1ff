"""Ingesting over REST: a new version of a dataset from files."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.datasets.ingest import services
from themis_admin.datasets.ingest.serializers import IngestBody
from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.datasets.models import Dataset, Upload
from themis_admin.datasets.versions import services as version_services
from themis_admin.jobs.models import Job
from themis_admin.web.api import OBJECT, ORDERING, PAGING, StrictJSONParser
from themisdb_datasets.errors import ImpossibleError, NotFoundError


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
            return version_services.start_delete(dataset, user=self.user, where=body["where"], note=note)
        services.check_mode(mode, (*services.MODES, "delete"))
        if "uri" in body:
            raise ImpossibleError.at(
                "uri",
                "Objects in a bucket cannot be ingested yet; upload the file instead.",
                code="uri_unavailable",
            )
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
            raise NotFoundError.at("upload", "There is no such upload.")
        return upload
