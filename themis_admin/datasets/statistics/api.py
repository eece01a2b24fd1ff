"""REST: the statistics of a version, or of a theme in it."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.datasets.statistics.services import StatisticsRequest, title_of

RETRY_SECONDS = 2


class StatisticsQuery(serializers.Serializer[dict[str, Any]]):
    theme = serializers.IntegerField(
        required=False, min_value=1, max_value=2**62, help_text="the id of a theme of the dataset"
    )


class StatisticsView(DatasetsApi):
    """Counts, lengths, times, values and gaps; 202 with the job while they are being computed.

    They are computed when a version is published and when a theme is saved, and otherwise when they are asked for.
    """

    parameters = ("theme",)

    @extend_schema(
        parameters=[StatisticsQuery], responses={200: OpenApiTypes.OBJECT, 202: OpenApiTypes.OBJECT}
    )
    def get(self, request: Request, pk: int) -> Response:
        version = self.version(pk)
        chosen = self.query(StatisticsQuery).get("theme")
        theme = None if chosen is None else self.theme_of(version, chosen)
        wanted = StatisticsRequest.of(version, None if theme is None else theme.where)
        stored = wanted.document()
        if stored is not None:
            named = {"version": version.pk, "theme": None if theme is None else theme.pk}
            return Response({**named, **stored.to_dict()})
        job = wanted.start(title=title_of(version, theme))
        headers = {"Location": job.url, "Retry-After": str(RETRY_SECONDS)}
        return Response({"job": job.to_dict()}, status=202, headers=headers)
