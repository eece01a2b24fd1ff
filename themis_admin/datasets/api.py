"""REST: datasets."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.datasets import services
from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.datasets.models import Dataset
from themis_admin.datasets.serializers import DatasetBody
from themis_admin.web.api import OBJECT, ORDERING, PAGING


class DatasetsView(DatasetsApi):
    """The datasets one may see, and new ones."""

    parameters = ("name", "ordering", *PAGING)

    @extend_schema(
        operation_id="datasets_list",
        responses=OBJECT,
        parameters=[OpenApiParameter("name", description="a part of it"), ORDERING],
    )
    def get(self, request: Request) -> Response:
        datasets = Dataset.objects.visible_to(request.user).with_latest()
        if name := request.query_params.get("name"):
            datasets = datasets.filter(name__icontains=name)
        return self.paginated(datasets, ordering=("name", "created_at", "updated_at"))

    @extend_schema(request=DatasetBody, responses={201: OBJECT})
    def post(self, request: Request) -> Response:
        dataset = services.create_dataset(user=self.user, **self.body(DatasetBody))
        return Response(dataset.to_dict(), status=201, headers={"Location": dataset.url})


class DatasetView(DatasetsApi):
    """One dataset."""

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        return Response(self.dataset(pk).to_dict())

    @extend_schema(request=DatasetBody, responses=OBJECT)
    def patch(self, request: Request, pk: int) -> Response:
        dataset = self.dataset(pk)
        changed = services.update_dataset(dataset, user=self.user, **self.body(DatasetBody, partial=True))
        return Response(changed.to_dict())

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        services.delete_dataset(self.dataset(pk), user=self.user)
        return Response(status=204)
