"""The routes of jobs and events."""

from django.urls import URLPattern, URLResolver, path

from themis_admin.jobs import api, pages

api_urlpatterns: list[URLPattern | URLResolver] = [
    path("jobs/", api.JobsView.as_view()),
    path("jobs/<int:pk>/", api.JobView.as_view()),
    path("jobs/<int:pk>/cancel/", api.CancelView.as_view()),
    path("jobs/<int:pk>/retry/", api.RetryView.as_view()),
    path("jobs/<int:pk>/log/", api.LogView.as_view()),
    path("events/", api.EventsView.as_view()),
]
page_urlpatterns: list[URLPattern | URLResolver] = [
    path("jobs/", pages.job_list, name="job-list"),
    path("jobs/<int:pk>/", pages.job, name="job"),
    path("jobs/<int:pk>/cancel/", pages.job_cancel, name="job-cancel"),
    path("jobs/<int:pk>/retry/", pages.job_retry, name="job-retry"),
]
