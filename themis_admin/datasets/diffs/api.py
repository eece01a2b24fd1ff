"""REST: how a version differs from another one of its dataset."""

from typing import Any

import msgspec
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.datasets.diffs import services, shifts
from themis_admin.datasets.labels import services as labels
from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.datasets.models import MAX_LABEL, Version
from themis_admin.web.bodies import PageQuery

OBJECT = OpenApiTypes.OBJECT


class DiffQuery(serializers.Serializer[dict[str, Any]]):
    against = serializers.CharField(
        max_length=100, help_text="the other version: its id, or its digest, latest or a label of its dataset"
    )


class DiffSamplesQuery(PageQuery, DiffQuery):
    kind = serializers.CharField(default="changed", help_text="added, removed or changed")
    field = serializers.CharField(
        required=False, allow_blank=True, max_length=500, trim_whitespace=False, help_text="of changed ones"
    )


class DiffApi(DatasetsApi):
    """What both views need: the two versions."""

    def against(self, version: Version, query: dict[str, Any]) -> Version:
        name = query.pop("against")
        if not (name.isascii() and name.removeprefix("-").isdigit() and len(name) < MAX_LABEL):
            return labels.find_version(version.dataset, name, field="against")
        versions = Version.objects.visible_to(self.user).select_related("dataset")
        return get_object_or_404(versions, pk=self.number(name, "against"))


class DiffView(DiffApi):
    """How many samples were added, removed and changed, and in how many of the changed each field differs."""

    parameters = ("against",)

    @extend_schema(parameters=[DiffQuery], responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        version = self.version(pk)
        against = self.against(version, self.query(DiffQuery))
        counts = services.between(version, against).counts
        named = {"version": version.pk, "against": against.pk, "key_field": version.dataset.key_field}
        return Response({**named, **msgspec.structs.asdict(counts)})


class DiffShiftsView(DiffApi):
    """How many samples each theme keeps of both versions, and the mean factor of each weighting rule."""

    parameters = ("against",)

    @extend_schema(operation_id="versions_diff_shifts", parameters=[DiffQuery], responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        """`now` is of this version, `before` of the one it is compared with; ages count to when each was made."""
        version = self.version(pk)
        against = self.against(version, self.query(DiffQuery))
        services.check_pair(version, against)
        themes = [each.to_dict() for each in shifts.of_themes(version, against)]
        rules = [each.to_dict() for each in shifts.of_rules(version, against)]
        return Response({"themes": themes, "weighting_rules": rules})


class DiffSamplesView(DiffApi):
    """The samples that differ, those that changed with both lines."""

    parameters = ("against", "kind", "field", "offset", "length")

    @extend_schema(operation_id="versions_diff_samples_list", parameters=[DiffSamplesQuery], responses=OBJECT)
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        version = self.version(pk)
        query = self.query(DiffSamplesQuery)
        page = services.page(version, self.against(version, query), **query)
        links = msgspec.json.encode(self.links(query["offset"], query["length"], page.next_offset))
        body = b'{"num_samples":%d,%b,"results":%b}' % (page.num_samples, links[1:-1], page.results())
        return HttpResponse(body, content_type="application/json")
