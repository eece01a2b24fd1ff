"""Statistics on the pages of a version and a theme: what is counted, what is on its way, what failed."""

import json
import re
from html import unescape

from django.test import Client

from tests.conftest import page
from tests.themis_admin.console.conftest import theme, version
from themis_admin.datasets.models import StatisticsDocument, Theme, Version
from themis_admin.jobs import runner
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import Job

__all__ = ["theme", "version"]


def work() -> None:
    for job in Job.objects.filter(kind="statistics", state="queued").order_by("pk"):
        runner.run(job.pk)


def forget() -> None:
    StatisticsDocument.objects.all().delete()
    for job in Job.objects.filter(kind="statistics", state="queued"):
        jobs.cancel(job)


def test_a_version_shows_its_statistics(alices: Client, version: Version) -> None:
    work()
    html = page(alices, f"/versions/{version.pk}/")
    data = re.search(r'<div id="statistics-data" hidden>(.*?)</div>', html, re.DOTALL)
    assert data is not None
    charts = json.loads(unescape(data[1]))
    assert sum(count for *_, count in charts["text_chars"]["bins"]) == 4
    assert "3 values" in html  # of law


def test_a_theme_shows_those_of_what_it_keeps(alices: Client, theme: Theme) -> None:
    work()
    html = page(alices, f"/themes/{theme.pk}/")
    assert 'data-chart="text_chars"' in html
    assert "BDSG" not in html


def test_the_page_asks_again_while_they_are_computed(alices: Client, version: Version) -> None:
    (job,) = Job.objects.filter(kind="statistics")
    fragment = page(alices, f"/versions/{version.pk}/statistics/")
    assert f'hx-trigger="themis:job-{job.pk} from:body' in fragment
    assert "statistics-data" not in fragment
    work()
    fragment = page(alices, f"/versions/{version.pk}/statistics/")
    assert "hx-trigger" not in fragment
    assert "<script" not in fragment  # which htmx leaves out
    assert "statistics-data" in fragment


def test_they_are_computed_when_somebody_asks(alices: Client, version: Version, theme: Theme) -> None:
    work()
    forget()
    address = f"/versions/{version.pk}/statistics/?theme={theme.pk}"
    assert "Compute statistics" in page(alices, f"/themes/{theme.pk}/")
    assert alices.post(address)["Location"] == f"/themes/{theme.pk}/#statistics"
    assert "is queued" in page(alices, address)
    work()
    assert "statistics-data" in page(alices, f"/themes/{theme.pk}/")


def test_a_job_that_failed_is_shown(alices: Client, version: Version) -> None:
    for shard in version.shard_paths():
        (shard / "columns.parquet").unlink()
    work()
    fragment = page(alices, f"/versions/{version.pk}/statistics/")
    assert "They could not be computed" in fragment
    assert alices.post(f"/versions/{version.pk}/statistics/").status_code == 302
    assert not Job.objects.filter(kind="statistics", state="queued").exists()


def test_others_see_nothing(bobs: Client, alices: Client, version: Version, theme: Theme) -> None:
    assert bobs.get(f"/versions/{version.pk}/statistics/").status_code == 404
    assert bobs.post(f"/versions/{version.pk}/statistics/").status_code == 404
    assert alices.get(f"/versions/{version.pk}/statistics/?theme={10**9}").status_code == 404
