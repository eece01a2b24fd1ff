"""The addresses of snapshots."""

from django.urls import URLPattern, path

from themis_admin.snapshots import api, pages

api_urlpatterns: list[URLPattern] = [
    path("snapshots/", api.SnapshotsView.as_view()),
    path("snapshots/<int:pk>/", api.SnapshotView.as_view()),
    path("snapshots/<int:pk>/download", api.SnapshotDownloadView.as_view()),
    path("snapshots/<int:pk>/verify/", api.SnapshotVerifyView.as_view()),
    path("datasets/<int:pk>/snapshots/<slug:series>/", api.CurrentSnapshotView.as_view()),
    path("datasets/<int:pk>/snapshots/<slug:series>/download", api.CurrentDownloadView.as_view()),
]
page_urlpatterns: list[URLPattern] = [
    path("versions/<int:pk>/snapshots/new/", pages.snapshot_new, name="snapshot-new"),
    path("snapshots/", pages.snapshot_list, name="snapshot-list"),
    path("snapshots/<int:pk>/", pages.snapshot, name="snapshot"),
    path("snapshots/<int:pk>/verify/", pages.snapshot_verify, name="snapshot-verify"),
    path("snapshots/<int:pk>/remove/", pages.snapshot_remove, name="snapshot-remove"),
]
