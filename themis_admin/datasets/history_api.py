"""REST: the history of a sample over its dataset's versions."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.datasets import history
from themis_admin.datasets.base import DatasetsApi


class SampleHistoryView(DatasetsApi):
    """In which versions a sample is, by its key, and where it changed; newest first."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, pk: int, position: int) -> Response:
        return Response(history.of_sample(self.version(pk), position).to_dict())
