"""The pages of exports and artifacts: whom they answer, what they show, and what they do."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from exports.files import body as file_body
from exports.files import services as file_exports
from exports.limits import Consumer
from exports.links import services as links
from exports.models import FileExport, Link
from tests.conftest import page
from tests.themis_admin.console.conftest import version
from tests.themis_admin.console.test_every_page import INLINE
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Version
from themis_admin.jobs import runner

__all__ = ["version"]
BODY = {"format": "text_completion", "field_mapping": {"text_field": "text"}}


def made(version: Version, user: User, *, run: bool = True, **file: object) -> FileExport:
    """An export of the dataset."""
    document = {"dataset": version.dataset.name, **BODY, "file": file}
    job = file_exports.start_export(file_body.open_export(document, consumer=Consumer(user)), user=user)
    if run:
        runner.run(job.pk)
    export: FileExport = FileExport.objects.get(pk=job.params["export"])
    return export


@pytest.fixture
def export(version: Version, alice: User) -> FileExport:
    return made(version, alice, type="jsonl", max_bytes=80)


@pytest.fixture
def link(export: FileExport, alice: User) -> Link:
    return links.create_link(user=alice, export=export, note="for the trainer")


@pytest.fixture
def own(export: FileExport, link: Link) -> list[str]:
    """The pages of Alice's things."""
    artifact = export.refs()[0].artifact_id
    return [
        f"/exports/{export.pk}/",
        f"/exports/{export.pk}/remove/",
        f"/links/{link.pk}/",
        f"/links/{link.pk}/revoke/",
        f"/artifacts/{artifact}/",
    ]


def test_they_answer_their_owner_and_the_administrator_only(
    own: list[str], alices: Client, bobs: Client, charlies: Client
) -> None:
    for path in (*own, "/exports/", "/links/"):
        assert alices.get(path).status_code == 200, path
        assert charlies.get(path).status_code == 200, path
        assert Client().get(path)["Location"].startswith("/login/?next="), path
    for path in own:
        assert bobs.get(path).status_code == 404, path
        assert bobs.post(path).status_code in (404, 405), path
    for path in ("/exports/", "/links/"):
        assert "Gesetze" not in page(bobs, path)
        assert "Gesetze" in page(alices, path)


def test_nothing_is_inline_and_every_icon_is_there(own: list[str], alices: Client, link: Link) -> None:
    sprite = Path(str(finders.find("vendor/lucide.svg"))).read_text()
    drawn = set(re.findall(r'<symbol id="([a-z0-9-]+)"', sprite))
    for path in (*own, "/exports/", "/links/", "/stream/", links.path_of(link), "/d/nothing"):
        html = alices.get(path).content.decode()
        assert not (found := INLINE.search(html)), (path, found)
        assert set(re.findall(r"lucide\.svg#([a-z0-9-]+)", html)) <= drawn, path


def test_an_export_shows_its_files_and_a_link_to_copy(export: FileExport, link: Link, alices: Client) -> None:
    html = page(alices, f"/exports/{export.pk}/")
    for ref in export.refs():
        assert ref.name in html
        assert ref.artifact.digest in html
    assert f'data-copy="http://testserver{links.path_of(link)}"' in html
    assert "load_dataset" in html


def test_an_export_that_runs_or_failed_says_so(version: Version, alice: User, alices: Client) -> None:
    queued = made(version, alice, run=False)
    assert "Waiting for a worker" in page(alices, f"/exports/{queued.pk}/")
    assert "Make the link" not in page(alices, f"/exports/{queued.pk}/")
    assert queued.job is not None
    runner.request_cancel(queued.job.pk)
    assert "It was cancelled" in page(alices, f"/exports/{queued.pk}/")


def test_removing_says_which_links_break(export: FileExport, link: Link, alices: Client) -> None:
    assert "The link “for the trainer” stops working" in page(
        alices, f"/exports/{export.pk}/remove/"
    ).replace("&#x27;", "'")
    assert alices.post(f"/exports/{export.pk}/remove/").status_code == 302
    assert not FileExport.objects.exists()
    assert "which was removed" in page(alices, f"/links/{link.pk}/")


def test_an_export_can_be_kept_longer(export: FileExport, alices: Client) -> None:
    before = export.expires_at
    alices.post(f"/exports/{export.pk}/keep/", {"days": "nonsense"})
    export.refresh_from_db()
    assert export.expires_at == before
    alices.post(f"/exports/{export.pk}/keep/", {"days": "365"})
    export.refresh_from_db()
    assert before is not None and export.expires_at is not None
    assert (export.expires_at - before).days >= 334
    alices.post(f"/exports/{export.pk}/keep/", {"days": ""})
    assert "for good" in page(alices, "/exports/")


def test_an_artifact_tells_who_keeps_it(export: FileExport, alices: Client) -> None:
    artifact = export.refs()[0].artifact
    html = page(alices, f"/artifacts/{artifact.pk}/")
    assert f'href="/exports/{export.pk}/"' in html
    assert artifact.digest in html


def test_pages_without_data_say_what_to_do_next(bobs: Client) -> None:
    assert "/stream/" in page(bobs, "/exports/")
    assert "No link yet" in page(bobs, "/links/")


def test_lists_do_not_ask_once_a_row(version: Version, alice: User, alices: Client) -> None:
    def queries(path: str) -> int:
        alices.get(path)
        with CaptureQueriesContext(connection) as captured:
            page(alices, path)
        return len(captured)

    def more() -> None:
        export = made(version, alice)
        links.create_link(user=alice, export=export)

    more()
    few = [queries(path) for path in ("/exports/", "/links/")]
    for _ in range(4):
        more()
    assert [queries(path) for path in ("/exports/", "/links/")] == few
    assert max(few) <= 16
