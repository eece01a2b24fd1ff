"""REST: tokenizers."""

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from indexing.models import Tokenizer
from indexing.tokenizers import services
from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.web.api import PAGING
from themis_admin.web.bodies import Body

OBJECT = OpenApiTypes.OBJECT


class TokenizerBody(Body):
    """A multipart `file`, and a `name` for it, by default the file's."""

    file = serializers.FileField(use_url=False, allow_empty_file=True)
    name = serializers.CharField(required=False, allow_blank=True, max_length=200)


class TokenizersView(DatasetsApi):
    """Tokenizers, and uploads of new ones."""

    parameters = ("name", "ordering", *PAGING)
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="tokenizers_list",
        responses=OBJECT,
        parameters=[OpenApiParameter("name"), OpenApiParameter("ordering")],
    )
    def get(self, request: Request) -> Response:
        """Those one may see."""
        rows = Tokenizer.objects.visible_to(self.user).select_related("owner")
        if name := request.query_params.get("name"):
            rows = rows.filter(name__icontains=name)
        return self.paginated(rows, ordering=("name", "created_at", "vocabulary_size"))

    @extend_schema(request={"multipart/form-data": TokenizerBody}, responses={201: OBJECT})
    def post(self, request: Request) -> Response:
        """Keep a tokenizer.json; it is loaded and tried first."""
        body = self.body(TokenizerBody)
        row = services.add_tokenizer(body["file"], user=self.user, name=body.get("name", ""))
        return Response(row.to_dict(), status=201, headers={"Location": row.url})


class TokenizerView(DatasetsApi):
    """One tokenizer."""

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        return Response(self._row(pk).to_dict())

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Delete it; indexes that were made with it stay as they are."""
        services.delete_tokenizer(self._row(pk), user=self.user)
        return Response(status=204)

    def _row(self, pk: int) -> Tokenizer:
        rows = Tokenizer.objects.visible_to(self.user).select_related("owner")
        row: Tokenizer = get_object_or_404(rows, pk=pk)
        return row
