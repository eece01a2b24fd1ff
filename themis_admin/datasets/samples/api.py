"""Samples over REST: pages of a version, one by its position, and its history."""

import msgspec
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.datasets.samples import history, services
from themis_admin.datasets.samples.serializers import SamplesQuery
from themis_admin.web import api as samples
from themis_admin.web.api import OBJECT


class SamplesView(DatasetsApi):
    """A version's samples, by theme, filter, search and order."""

    parameters = ("theme", "where", "search", "order_by", "offset", "length")

    @extend_schema(operation_id="versions_samples_list", parameters=[SamplesQuery], responses=OBJECT)
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        version = self.version(pk)
        query = self.query(SamplesQuery)
        if "where" in query:
            query["where"] = samples.parse_json(query["where"], field="where")
        if "theme" in query:
            query["theme"] = self.theme_of(version, query["theme"])
        page = services.page(version, **query)
        links = msgspec.json.encode(self.links(query["offset"], query["length"], page.next_offset))
        # Put together from bytes: a sample that went through a parser would come out respelled, 1e3 as 1000.0
        # and a number of 20 digits rounded. `links[1:-1]` is the object of links without its braces.
        body = b'{"num_samples":%d,%b,"results":%b}' % (page.num_samples, links[1:-1], page.results())
        return HttpResponse(body, content_type="application/json")


class SampleView(DatasetsApi):
    """One sample by its position, spelled as it came in."""

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, pk: int, position: int) -> HttpResponseBase:
        line = services.sample(self.version(pk), position)
        return HttpResponse(
            b'{"position":%d,"sample":%b}' % (position, line), content_type="application/json"
        )


class SampleHistoryView(DatasetsApi):
    """In which versions a sample is, by its key, and where it changed; newest first."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, pk: int, position: int) -> Response:
        return Response(history.of_sample(self.version(pk), position).to_dict())
