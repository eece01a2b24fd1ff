"""REST: labels of versions, and versions by what they are called."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.datasets.labels import services
from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.web.api import PAGING
from themis_admin.web.bodies import Body

OBJECT = OpenApiTypes.OBJECT


class LabelBody(Body):
    version = serializers.CharField(max_length=100, help_text="a number, a digest, latest or a label")


class LabelsView(DatasetsApi):
    """A dataset's labels."""

    parameters = ("name", "version", "ordering", *PAGING)

    @extend_schema(
        operation_id="datasets_labels_list",
        parameters=[
            OpenApiParameter("name", description="a part of it"),
            OpenApiParameter("version", description="a number, a digest, latest or a label"),
            OpenApiParameter("ordering", description="a field, with - before it descending"),
        ],
        responses=OBJECT,
    )
    def get(self, request: Request, pk: int) -> Response:
        dataset = self.dataset(pk)
        found = dataset.labels.select_related("version", "created_by")
        if name := request.query_params.get("name"):
            found = found.filter(name__icontains=name)
        if version := request.query_params.get("version"):
            found = found.filter(version=services.find_version(dataset, version))
        return self.paginated(found, ordering=("name", "created_at", "updated_at"))


class LabelView(DatasetsApi):
    """One label: PUT gives it to a version, also where another has it."""

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, pk: int, name: str) -> Response:
        return Response(services.find_label(self.dataset(pk), name).to_dict())

    @extend_schema(request=LabelBody, responses={200: OBJECT, 201: OBJECT})
    def put(self, request: Request, pk: int, name: str) -> Response:
        dataset = self.dataset(pk)
        label, is_new = services.put_label(dataset, user=self.user, name=name, **self.body(LabelBody))
        return Response(label.to_dict(), status=201 if is_new else 200)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int, name: str) -> Response:
        services.remove_label(services.find_label(self.dataset(pk), name), user=self.user)
        return Response(status=204)


class NamedVersionView(DatasetsApi):
    """A version by its number, its digest, `latest` or a label."""

    @extend_schema(operation_id="datasets_versions_named", responses=OBJECT)
    def get(self, request: Request, pk: int, name: str) -> Response:
        return Response(services.find_version(self.dataset(pk), name).to_dict())
