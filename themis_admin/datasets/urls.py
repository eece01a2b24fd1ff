"""The addresses of datasets and of all that is in their rooms."""

from django.urls import URLPattern, path

from themis_admin.datasets import api, pages
from themis_admin.datasets.diffs import api as diff_api
from themis_admin.datasets.diffs import pages as diff_pages
from themis_admin.datasets.ingest import api as ingest_api
from themis_admin.datasets.ingest import pages as ingest_pages
from themis_admin.datasets.labels import api as label_api
from themis_admin.datasets.labels import pages as label_pages
from themis_admin.datasets.rejects import api as reject_api
from themis_admin.datasets.rejects import pages as reject_pages
from themis_admin.datasets.retention import api as retention_api
from themis_admin.datasets.retention import pages as retention_pages
from themis_admin.datasets.rules import api as rule_api
from themis_admin.datasets.rules import pages as rule_pages
from themis_admin.datasets.samples import api as sample_api
from themis_admin.datasets.statistics import api as statistics_api
from themis_admin.datasets.statistics import pages as statistics_pages
from themis_admin.datasets.themes import api as theme_api
from themis_admin.datasets.themes import pages as theme_pages
from themis_admin.datasets.uploads import api as upload_api
from themis_admin.datasets.versions import api as version_api
from themis_admin.datasets.versions import pages as version_pages

api_urlpatterns: list[URLPattern] = [
    path("datasets/", api.DatasetsView.as_view()),
    path("datasets/<int:pk>/", api.DatasetView.as_view()),
    path("datasets/<int:pk>/versions/", ingest_api.DatasetVersionsView.as_view()),
    path("datasets/<int:pk>/versions/<str:name>/", label_api.NamedVersionView.as_view()),
    path("datasets/<int:pk>/compact/", version_api.CompactionView.as_view()),
    path("datasets/<int:pk>/retention/", retention_api.RetentionView.as_view()),
    path("datasets/<int:pk>/labels/", label_api.LabelsView.as_view()),
    path("datasets/<int:pk>/labels/<str:name>/", label_api.LabelView.as_view()),
    path("datasets/<int:pk>/themes/", theme_api.DatasetThemesView.as_view()),
    path("datasets/<int:pk>/themes/preview/", theme_api.ThemePreviewView.as_view()),
    path("datasets/<int:pk>/weighting-rules/", rule_api.DatasetRulesView.as_view()),
    path("datasets/<int:pk>/weighting-rules/preview/", rule_api.RulePreviewView.as_view()),
    path("datasets/<int:pk>/weighting-rules/explain/", rule_api.RulesExplainView.as_view()),
    path("datasets/<int:pk>/weighting-rules/compare/", rule_api.RulesCompareView.as_view()),
    path("weighting-rules/", rule_api.WeightingRulesView.as_view()),
    path("weighting-rules/<int:pk>/", rule_api.WeightingRuleView.as_view()),
    path("weighting-rules/<int:pk>/explain/", rule_api.RuleExplainView.as_view()),
    path("versions/<int:pk>/", version_api.VersionView.as_view()),
    path("versions/<int:pk>/samples/", sample_api.SamplesView.as_view()),
    path("versions/<int:pk>/samples/<int:position>/", sample_api.SampleView.as_view()),
    path("versions/<int:pk>/samples/<int:position>/history/", sample_api.SampleHistoryView.as_view()),
    path("versions/<int:pk>/diff/", diff_api.DiffView.as_view()),
    path("versions/<int:pk>/diff/samples/", diff_api.DiffSamplesView.as_view()),
    path("versions/<int:pk>/diff/shifts/", diff_api.DiffShiftsView.as_view()),
    path("versions/<int:pk>/statistics/", statistics_api.StatisticsView.as_view()),
    path("versions/<int:pk>/restore/", version_api.RestoreView.as_view()),
    path("versions/<int:pk>/rejects/", reject_api.RejectsView.as_view()),
    path("jobs/<int:pk>/rejects/", reject_api.JobRejectsView.as_view()),
    path("themes/", theme_api.ThemesView.as_view()),
    path("themes/<int:pk>/", theme_api.ThemeView.as_view()),
    path("uploads/", upload_api.UploadsView.as_view()),
    path("uploads/<uuid:pk>/", upload_api.UploadView.as_view()),
]
page_urlpatterns: list[URLPattern] = [
    path("datasets/", pages.dataset_list, name="dataset-list"),
    path("datasets/new/", pages.dataset_new, name="dataset-new"),
    path("datasets/<int:pk>/", pages.dataset, name="dataset"),
    path("datasets/<int:pk>/edit/", pages.dataset_edit, name="dataset-edit"),
    path("datasets/<int:pk>/delete/", pages.dataset_delete, name="dataset-delete"),
    path(
        "datasets/<int:pk>/delete-samples/",
        version_pages.dataset_delete_samples,
        name="dataset-delete-samples",
    ),
    path("datasets/<int:pk>/compact/", version_pages.dataset_compact, name="dataset-compact"),
    path("datasets/<int:pk>/retention/", retention_pages.dataset_retention, name="dataset-retention"),
    path("datasets/<int:pk>/upload/", ingest_pages.dataset_upload, name="dataset-upload"),
    path("datasets/<int:pk>/themes/new/", theme_pages.theme_new, name="theme-new"),
    path("datasets/<int:pk>/themes/preview/", theme_pages.theme_preview, name="theme-preview"),
    path("datasets/<int:pk>/rules/new/", rule_pages.rule_new, name="rule-new"),
    path("datasets/<int:pk>/rules/compare/", rule_pages.rule_compare, name="rule-compare"),
    path("rules/", rule_pages.rule_list, name="rule-list"),
    path("rules/<int:pk>/", rule_pages.rule, name="rule"),
    path("rules/<int:pk>/edit/", rule_pages.rule_edit, name="rule-edit"),
    path("rules/<int:pk>/delete/", rule_pages.rule_delete, name="rule-delete"),
    path("versions/<int:pk>/", version_pages.version, name="version"),
    path("versions/<int:pk>/restore/", version_pages.version_restore, name="version-restore"),
    path("versions/<int:pk>/labels/", label_pages.version_labels, name="version-labels"),
    path("versions/<int:pk>/diff/", diff_pages.version_diff, name="version-diff"),
    path("versions/<int:pk>/diff/shifts/", diff_pages.version_shifts, name="version-shifts"),
    path("versions/<int:pk>/samples/<int:n>/", version_pages.version_sample, name="version-sample"),
    path("versions/<int:pk>/statistics/", statistics_pages.version_statistics, name="version-statistics"),
    path("versions/<int:pk>/rejects/", reject_pages.version_rejects, name="version-rejects"),
    path("jobs/<int:pk>/rejects/", reject_pages.job_rejects, name="job-rejects"),
    path("jobs/<int:pk>/rejects.jsonl", reject_pages.job_rejects_download, name="job-rejects-download"),
    path(
        "versions/<int:pk>/rejects.jsonl",
        reject_pages.version_rejects_download,
        name="version-rejects-download",
    ),
    path("themes/", theme_pages.theme_list, name="theme-list"),
    path("themes/<int:pk>/", theme_pages.theme, name="theme"),
    path("themes/<int:pk>/edit/", theme_pages.theme_edit, name="theme-edit"),
    path("themes/<int:pk>/delete/", theme_pages.theme_delete, name="theme-delete"),
    path("themes/<int:pk>/count/", theme_pages.theme_count, name="theme-count"),
]
