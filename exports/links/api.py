"""REST: links."""

from typing import Annotated, Any

import msgspec
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from msgspec import Meta
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from exports.links import services
from exports.models import FileExport, Link
from themis_admin.accounts.models import AuditEntry
from themis_admin.artifacts.models import Artifact
from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.web.api import PAGING
from themisdb_datasets.errors import MalformedError, NotFoundError, place_and_reason
from themisdb_datasets.names import check_names

OBJECT = OpenApiTypes.OBJECT
USES = 100
Id = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]


class LinkBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a new link leads to, how long, and how often; `expires_in` is in seconds, a week by default."""

    export: Id | None = None
    artifact: Id | None = None
    expires_in: Annotated[int, Meta(ge=1, le=1 << 40)] | None = None
    max_downloads: Annotated[int, Meta(ge=1, le=1_000_000_000)] | None = None
    note: Annotated[str, Meta(max_length=services.MAX_NOTE)] = ""


BODY = inline_serializer(
    "LinkBody",
    {
        "export": serializers.IntegerField(required=False),
        "artifact": serializers.IntegerField(required=False),
        "expires_in": serializers.IntegerField(required=False, help_text="seconds; a week by default"),
        "max_downloads": serializers.IntegerField(
            required=False, help_text="of each file; any number by default"
        ),
        "note": serializers.CharField(required=False),
    },
)


def parse_link(document: Any) -> LinkBody:
    """Check a link's body; MalformedError names the parameter."""
    if not isinstance(document, dict):
        raise MalformedError.at(
            "export",
            'The body is one JSON object, such as {"export": 12, "expires_in": 86400}.',
            code="bad_parameter",
        )
    check_names(document, LinkBody.__struct_fields__, what="parameter")
    try:
        body = msgspec.convert(document, LinkBody, strict=True)
    except msgspec.ValidationError as error:
        place, reason = place_and_reason(error)
        name = place or "body"
        raise MalformedError.at(
            name, "{name}: {reason}.", code="bad_parameter", name=name, reason=reason
        ) from None
    if (body.export is None) == (body.artifact is None):
        raise MalformedError.at(
            "export", "A link leads to an export or to an artifact: name one of them.", code="bad_parameter"
        )
    return body


class LinksView(DatasetsApi):
    """Links to exports and artifacts, for downloads without login."""

    scopes = {"POST": "export"}
    parameters = ("export", "artifact", "ordering", *PAGING)

    @extend_schema(
        operation_id="links_list",
        responses=OBJECT,
        parameters=[OpenApiParameter("export", int), OpenApiParameter("artifact", int)],
    )
    def get(self, request: Request) -> Response:
        """Those one made, the newest first, with what became of them."""
        rows = Link.objects.visible_to(self.user).for_lists()
        for name in ("export", "artifact"):
            if text := request.query_params.get(name):
                rows = rows.filter(**{name: self.number(text, name)})
        paginator = self.pagination_class()
        page = paginator.paginate_queryset(rows, request, view=self) or []
        return paginator.get_paginated_response([described(self, link) for link in page])

    @extend_schema(request=BODY, responses={201: OBJECT})
    def post(self, request: Request) -> Response:
        """A new link: `url` opens the file, or the list of files; `files` are the addresses of each."""
        body = parse_link(request.data)
        link = services.create_link(
            user=self.user,
            export=self.export(body.export),
            artifact=self.artifact(body.artifact),
            expires_in=body.expires_in,
            max_downloads=body.max_downloads,
            note=body.note,
        )
        answer = described(self, Link.objects.for_lists().get(pk=link.pk), with_files=True)
        return Response(answer, status=201, headers={"Location": link.url})

    def export(self, pk: int | None) -> FileExport | None:
        """The export that is named."""
        rows = FileExport.objects.visible_to(self.user).select_related("job")
        if pk is None or (row := rows.filter(pk=pk).first()) is not None:
            return row if pk is not None else None
        raise NotFoundError.at("export", "There is no such export.")

    def artifact(self, pk: int | None) -> Artifact | None:
        """The artifact that is named."""
        if pk is None or (row := Artifact.objects.visible_to(self.user).filter(pk=pk).first()) is not None:
            return row if pk is not None else None
        raise NotFoundError.at("artifact", "There is no such artifact.")


class LinkView(DatasetsApi):
    """One link."""

    scopes = {"DELETE": "export"}

    @extend_schema(operation_id="links_retrieve", responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        """The link with its files and its last uses."""
        link = self.find(pk)
        uses = AuditEntry.objects.filter(action="link.used", object=link.url).order_by("-id")[:USES]
        told = [{"at": use.created_at.isoformat(), "ip": use.ip, **use.detail} for use in uses]
        return Response({**described(self, link, with_files=True), "uses": told})

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Revoke it, at once; it stays in the list."""
        services.revoke_link(self.find(pk), user=self.user)
        return Response(status=204)

    def find(self, pk: int) -> Link:
        row: Link = get_object_or_404(Link.objects.visible_to(self.user).for_lists(), pk=pk)
        return row


def described(view: DatasetsApi, link: Link, *, with_files: bool = False) -> dict[str, Any]:
    """A link with its address, which works while its state is active."""
    address = view.request.build_absolute_uri(services.path_of(link))
    answer: dict[str, Any] = {**link.to_dict(), "url": address}
    if with_files:
        answer["files"] = [
            {
                "name": file.name,
                "url": f"{address}/{file.name}",
                "sha256": file.artifact.digest,
                "num_bytes": file.artifact.num_bytes,
            }
            for file in services.files(link)
        ]
    return answer
