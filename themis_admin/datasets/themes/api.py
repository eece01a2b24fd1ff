"""Themes over REST: lists, one, and the preview of a filter."""

import msgspec
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.datasets.lookup import DatasetsApi
from themis_admin.datasets.models import Theme
from themis_admin.datasets.samples import services as samples
from themis_admin.datasets.themes import services
from themis_admin.datasets.themes.serializers import PreviewBody, ThemeBody
from themis_admin.web.api import OBJECT, ORDERING, PAGING


class ThemesView(DatasetsApi):
    """All themes one may see."""

    parameters = ("dataset", "name", "ordering", *PAGING)

    @extend_schema(
        operation_id="themes_list",
        responses=OBJECT,
        parameters=[OpenApiParameter("dataset", int), OpenApiParameter("name"), ORDERING],
    )
    def get(self, request: Request) -> Response:
        themes = Theme.objects.visible_to(request.user).select_related("created_by")
        if dataset := request.query_params.get("dataset"):
            themes = themes.filter(dataset=self.number(dataset, "dataset"))
        if name := request.query_params.get("name"):
            themes = themes.filter(name__icontains=name)
        return self.paginated(themes, ordering=("name", "created_at", "updated_at"))


class DatasetThemesView(DatasetsApi):
    """A dataset's themes, and new ones."""

    parameters = ("ordering", *PAGING)

    @extend_schema(operation_id="datasets_themes_list", responses=OBJECT, parameters=[ORDERING])
    def get(self, request: Request, pk: int) -> Response:
        themes = self.dataset(pk).themes.select_related("created_by")
        return self.paginated(themes, ordering=("name", "created_at", "updated_at"))

    @extend_schema(request=ThemeBody, responses={201: OBJECT})
    def post(self, request: Request, pk: int) -> Response:
        theme = services.create_theme(self.dataset(pk), user=self.user, **self.body(ThemeBody))
        return Response(theme.to_dict(), status=201, headers={"Location": theme.url})


class ThemePreviewView(DatasetsApi):
    """What a filter would keep, counted on the latest version; reading is enough for it."""

    scopes = {"POST": "read"}

    @extend_schema(request=PreviewBody, responses=OBJECT)
    def post(self, request: Request, pk: int) -> HttpResponseBase:
        preview = samples.preview(self.dataset(pk), self.body(PreviewBody)["where"])
        figures = {"num_samples": preview.num_samples, "total": preview.total, "counts": preview.counts}
        body = b'{%b,"samples":%b}' % (msgspec.json.encode(figures)[1:-1], preview.page.results())
        return HttpResponse(body, content_type="application/json")


class ThemeView(DatasetsApi):
    """One theme."""

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        return Response(self.theme(pk).to_dict())

    @extend_schema(request=ThemeBody, responses=OBJECT)
    def patch(self, request: Request, pk: int) -> Response:
        theme = self.theme(pk)
        return Response(
            services.update_theme(theme, user=self.user, **self.body(ThemeBody, partial=True)).to_dict()
        )

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        services.delete_theme(self.theme(pk), user=self.user)
        return Response(status=204)
