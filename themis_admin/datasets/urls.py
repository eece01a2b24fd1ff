"""The addresses of datasets, versions, themes and uploads."""

from django.urls import URLPattern, path

from themis_admin.datasets import api, pages, rule_api, rule_pages, theme_pages, uploads_api, version_pages

api_urlpatterns: list[URLPattern] = [
    path("datasets/", api.DatasetsView.as_view()),
    path("datasets/<int:pk>/", api.DatasetView.as_view()),
    path("datasets/<int:pk>/versions/", api.DatasetVersionsView.as_view()),
    path("datasets/<int:pk>/themes/", api.DatasetThemesView.as_view()),
    path("datasets/<int:pk>/themes/preview/", api.ThemePreviewView.as_view()),
    path("datasets/<int:pk>/weighting-rules/", rule_api.DatasetRulesView.as_view()),
    path("datasets/<int:pk>/weighting-rules/preview/", rule_api.RulePreviewView.as_view()),
    path("datasets/<int:pk>/weighting-rules/explain/", rule_api.RulesExplainView.as_view()),
    path("weighting-rules/", rule_api.WeightingRulesView.as_view()),
    path("weighting-rules/<int:pk>/", rule_api.WeightingRuleView.as_view()),
    path("weighting-rules/<int:pk>/explain/", rule_api.RuleExplainView.as_view()),
    path("versions/<int:pk>/", api.VersionView.as_view()),
    path("versions/<int:pk>/samples/", api.SamplesView.as_view()),
    path("versions/<int:pk>/samples/<int:position>/", api.SampleView.as_view()),
    path("versions/<int:pk>/rejects/", api.RejectsView.as_view()),
    path("jobs/<int:pk>/rejects/", api.JobRejectsView.as_view()),
    path("themes/", api.ThemesView.as_view()),
    path("themes/<int:pk>/", api.ThemeView.as_view()),
    path("uploads/", uploads_api.UploadsView.as_view()),
    path("uploads/<uuid:pk>/", uploads_api.UploadView.as_view()),
]
page_urlpatterns: list[URLPattern] = [
    path("datasets/", pages.dataset_list, name="dataset-list"),
    path("datasets/new/", pages.dataset_new, name="dataset-new"),
    path("datasets/<int:pk>/", pages.dataset, name="dataset"),
    path("datasets/<int:pk>/edit/", pages.dataset_edit, name="dataset-edit"),
    path("datasets/<int:pk>/delete/", pages.dataset_delete, name="dataset-delete"),
    path("datasets/<int:pk>/upload/", pages.dataset_upload, name="dataset-upload"),
    path("datasets/<int:pk>/themes/new/", theme_pages.theme_new, name="theme-new"),
    path("datasets/<int:pk>/themes/preview/", theme_pages.theme_preview, name="theme-preview"),
    path("datasets/<int:pk>/rules/new/", rule_pages.rule_new, name="rule-new"),
    path("rules/", rule_pages.rule_list, name="rule-list"),
    path("rules/<int:pk>/", rule_pages.rule, name="rule"),
    path("rules/<int:pk>/edit/", rule_pages.rule_edit, name="rule-edit"),
    path("rules/<int:pk>/delete/", rule_pages.rule_delete, name="rule-delete"),
    path("versions/<int:pk>/", version_pages.version, name="version"),
    path("versions/<int:pk>/samples/<int:n>/", version_pages.version_sample, name="version-sample"),
    path("versions/<int:pk>/rejects/", version_pages.version_rejects, name="version-rejects"),
    path(
        "versions/<int:pk>/rejects.jsonl",
        version_pages.version_rejects_download,
        name="version-rejects-download",
    ),
    path("themes/", theme_pages.theme_list, name="theme-list"),
    path("themes/<int:pk>/", theme_pages.theme, name="theme"),
    path("themes/<int:pk>/edit/", theme_pages.theme_edit, name="theme-edit"),
    path("themes/<int:pk>/delete/", theme_pages.theme_delete, name="theme-delete"),
    path("themes/<int:pk>/count/", theme_pages.theme_count, name="theme-count"),
]
