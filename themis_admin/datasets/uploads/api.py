"""REST: resumable uploads. POST opens one, PATCH sends a part, HEAD tells where to go on, DELETE ends it."""

import uuid

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.datasets.models import Upload
from themis_admin.datasets.uploads import services
from themis_admin.datasets.uploads.serializers import UploadBody
from themis_admin.web.api import PAGING
from themisdb_datasets.errors import MalformedError

OBJECT = OpenApiTypes.OBJECT
OFFSET = OpenApiParameter("Upload-Offset", int, OpenApiParameter.HEADER, required=True)


class UploadsView(DatasetsApi):
    """One's own uploads, and new ones."""

    parameters = ("ordering", *PAGING)

    @extend_schema(operation_id="uploads_list", responses=OBJECT)
    def get(self, request: Request) -> Response:
        rows = Upload.objects.visible_to(self.user).select_related("owner")
        return self.paginated(rows, ordering=("-created_at",))

    @extend_schema(request=UploadBody, responses={201: OBJECT})
    def post(self, request: Request) -> Response:
        upload = services.open_upload(owner=self.user, **self.body(UploadBody))
        return Response(upload.to_dict(), status=201, headers={"Location": upload.url, **_standing(upload)})


class UploadView(DatasetsApi):
    """One upload."""

    scopes = {"GET": "write", "HEAD": "write"}

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, pk: uuid.UUID) -> Response:
        """Where the upload stands, in the headers too, which are all that HEAD answers."""
        upload = self.upload(pk)
        return Response(upload.to_dict(), headers={"Cache-Control": "no-store", **_standing(upload)})

    @extend_schema(
        request={"application/octet-stream": OpenApiTypes.BINARY}, responses=OBJECT, parameters=[OFFSET]
    )
    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        """A part of at most 16 MB at Upload-Offset, which must be where the upload stands."""
        upload = self.upload(pk)
        offset = _header(request, "Upload-Offset")
        announced = _header(request, "Content-Length") if request.headers.get("Content-Length") else None
        # Django's own request is the stream; the parsers would hold the body in memory.
        upload = services.append_part(upload, offset=offset, part=request._request, announced=announced)
        return Response(upload.to_dict(), headers=_standing(upload))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        services.discard(self.upload(pk))
        return Response(status=204)

    def upload(self, pk: uuid.UUID) -> Upload:
        return get_object_or_404(Upload.objects.visible_to(self.user).select_related("owner"), pk=pk)


def _standing(upload: Upload) -> dict[str, str]:
    return {"Upload-Offset": str(upload.received), "Upload-Length": str(upload.num_bytes)}


def _header(request: Request, name: str) -> int:
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        if name == "Upload-Offset":
            raise MalformedError.at(name, "The header {name} says at which byte the part begins.", name=name)
        raise MalformedError.at(name, "Not a number.")
    return int(text)
