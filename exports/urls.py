"""The routes of the exports app."""

from django.urls import URLPattern, URLResolver, path

from exports.feedback import pages as feedback_pages
from exports.feedback.api import DifficultyView, FeedbackRunView, FeedbackView, RunWeightingView
from exports.files import pages as file_pages
from exports.files.api import ArtifactAboutView, ArtifactsView, ArtifactView, FileExportsView, FileExportView
from exports.links import downloads
from exports.links import pages as link_pages
from exports.links.api import LinksView, LinkView
from exports.streams import pages
from exports.streams.api import DownloadView, StatusView, StreamsView, StreamView

export_urlpatterns: list[URLPattern | URLResolver] = [
    path("export/jsonl_llm/stream", StreamView.as_view(), name="export-stream"),
    path("export/jsonl_llm", DownloadView.as_view(), name="export-download"),
    path("export/status/<str:export_id>", StatusView.as_view(), name="export-status"),
    path("export", StreamsView.as_view()),
]
api_urlpatterns: list[URLPattern | URLResolver] = [
    path("exports/", FileExportsView.as_view()),
    path("exports/<int:pk>/", FileExportView.as_view()),
    path("artifacts/", ArtifactsView.as_view()),
    path("artifacts/<int:pk>", ArtifactView.as_view()),
    path("artifacts/<int:pk>/", ArtifactView.as_view()),
    path("artifacts/<int:pk>/about/", ArtifactAboutView.as_view()),
    path("feedback/", FeedbackView.as_view()),
    path("feedback/<int:pk>/", FeedbackRunView.as_view()),
    path("feedback/<int:pk>/difficulty/", DifficultyView.as_view()),
    path("feedback/<int:pk>/weighting/", RunWeightingView.as_view()),
    path("links/", LinksView.as_view()),
    path("links/<int:pk>/", LinkView.as_view()),
]
page_urlpatterns: list[URLPattern | URLResolver] = [
    path("stream/", pages.stream, name="stream"),
    path("exports/", file_pages.export_list, name="export-list"),
    path("exports/<int:pk>/", file_pages.export, name="export"),
    path("exports/<int:pk>/keep/", file_pages.export_keep, name="export-keep"),
    path("exports/<int:pk>/remove/", file_pages.export_remove, name="export-remove"),
    path("artifacts/<int:pk>/", file_pages.artifact, name="artifact"),
    path("feedback/", feedback_pages.run_list, name="run-list"),
    path("feedback/<int:pk>/", feedback_pages.run, name="run"),
    path("feedback/<int:pk>/fold/", feedback_pages.run_fold, name="run-fold"),
    path("feedback/<int:pk>/remove/", feedback_pages.run_remove, name="run-remove"),
    path("links/", link_pages.link_list, name="link-list"),
    path("links/<int:pk>/", link_pages.link, name="link"),
    path("links/<int:pk>/revoke/", link_pages.link_revoke, name="link-revoke"),
    path("d/<str:token>", downloads.link, name="link-download"),
    path("d/<str:token>/<str:name>", downloads.linked_file, name="linked-file"),
    path("d/<path:rest>", downloads.no_link),
]
