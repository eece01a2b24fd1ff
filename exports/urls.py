"""The routes of the exports app."""

from django.urls import URLPattern, URLResolver, path

from exports import downloads, pages
from exports.api import StreamView
from exports.file_api import ArtifactAboutView, ArtifactsView, ArtifactView, FileExportsView, FileExportView
from exports.link_api import LinksView, LinkView

export_urlpatterns: list[URLPattern | URLResolver] = [
    path("jsonl_llm/stream", StreamView.as_view(), name="export-stream"),
]
api_urlpatterns: list[URLPattern | URLResolver] = [
    path("exports/", FileExportsView.as_view()),
    path("exports/<int:pk>/", FileExportView.as_view()),
    path("artifacts/", ArtifactsView.as_view()),
    path("artifacts/<int:pk>", ArtifactView.as_view()),
    path("artifacts/<int:pk>/", ArtifactView.as_view()),
    path("artifacts/<int:pk>/about/", ArtifactAboutView.as_view()),
    path("links/", LinksView.as_view()),
    path("links/<int:pk>/", LinkView.as_view()),
]
page_urlpatterns: list[URLPattern | URLResolver] = [
    path("stream/", pages.stream, name="stream"),
    path("d/<str:token>", downloads.link, name="link-download"),
    path("d/<str:token>/<str:name>", downloads.linked_file, name="linked-file"),
    path("d/<path:rest>", downloads.no_link),
]
