"""Every page: whom it answers, what it needs of the database, and that it keeps to the content security policy."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from exports.feedback import services as feedback
from tests.conftest import page
from themis_admin.datasets.models import Theme
from themis_admin.datasets.rules import services as rules
from themis_admin.snapshots import services as snapshots

OWN = (
    "/datasets/{dataset}/",
    "/datasets/{dataset}/edit/",
    "/datasets/{dataset}/delete/",
    "/datasets/{dataset}/upload/",
    "/datasets/{dataset}/compact/",
    "/datasets/{dataset}/delete-samples/",
    "/datasets/{dataset}/retention/",
    "/datasets/{dataset}/retention/?keep_last=1",
    "/datasets/{dataset}/themes/new/",
    "/versions/{version}/",
    "/versions/{version}/samples/0/",
    "/versions/{version}/rejects/",
    "/versions/{version}/labels/",
    "/versions/{version}/restore/",
    "/versions/{version}/diff/?against={version}",
    "/versions/{version}/diff/shifts/?against={version}",
    "/themes/{theme}/",
    "/themes/{theme}/edit/",
    "/themes/{theme}/delete/",
    "/themes/{theme}/count/",
    "/datasets/{dataset}/rules/new/",
    "/datasets/{dataset}/rules/compare/",
    "/datasets/{dataset}/rules/compare/?b={rule}",
    "/datasets/{dataset}/rules/compare/?a={rule}&b={rule}&theme={theme}",
    "/feedback/{run}/",
    "/feedback/{run}/remove/",
    "/rules/{rule}/",
    "/rules/{rule}/edit/",
    "/rules/{rule}/delete/",
    "/versions/{version}/snapshots/new/",
    "/snapshots/{snapshot}/",
    "/snapshots/{snapshot}/remove/",
    "/jobs/{job}/",
    "/stream/?dataset={dataset}",
    "/stream/?theme={theme}",
)
COMMON = (
    "/",
    "/datasets/",
    "/datasets/new/",
    "/themes/",
    "/rules/",
    "/feedback/",
    "/snapshots/",
    "/indexes/",
    "/exports/",
    "/links/",
    "/stream/",
    "/jobs/",
    "/tokens/",
    "/tokenizers/",
    "/password/",
    "/palette/?q=ge",
)
OUTSIDE = ("/login/", "/password/reset/", "/password/reset/sent/", "/password/reset/x/y/")
# What the policy would refuse: styles and handlers in the markup, and scripts in the page.
INLINE = re.compile(
    r"""\sstyle=|\son[a-z]+=["']|<style|<script(?![^>]*\ssrc=)(?![^>]*type="application/json")"""
)


@pytest.fixture
def own(theme: Theme) -> list[str]:
    """The pages of Alice's things."""
    version = theme.dataset.latest
    assert version is not None
    user = theme.dataset.owner
    definition = {"kind": "length", "of": "text"}
    rule = rules.create_rule(theme.dataset, user=user, name="Lang", definition=definition)
    frozen = snapshots.start_snapshot(version, user=user, theme=theme, rules=[rule])
    ids = {
        "dataset": theme.dataset_id,
        "version": version.pk,
        "theme": theme.pk,
        "rule": rule.pk,
        "run": feedback.open_run(theme.dataset, "Lauf", user=user).pk,
        "snapshot": frozen.params["snapshot"],
        "job": version.job_id,
    }
    return [path.format(**ids) for path in OWN]


def test_they_answer_their_owner_and_the_administrator(
    own: list[str], alices: Client, charlies: Client
) -> None:
    for path in (*own, *COMMON):
        assert alices.get(path).status_code == 200, path
        assert charlies.get(path).status_code == 200, path


def test_to_others_they_do_not_exist(own: list[str], bobs: Client, theme: Theme) -> None:
    for path in (*own, f"/versions/{theme.dataset.latest_id}/rejects.jsonl"):
        assert bobs.get(path).status_code == 404, path
        assert bobs.post(path).status_code in (404, 405), path


def test_nobody_sees_them_without_login(own: list[str]) -> None:
    for path in (*own, *COMMON, "/users/"):
        response = Client().get(path)
        assert response.status_code == 302, path
        assert response["Location"].startswith("/login/?next="), path


def test_nothing_is_inline(own: list[str], charlies: Client) -> None:
    pages = {path: charlies.get(path).content.decode() for path in (*own, *COMMON, "/users/", "/nothing/")}
    pages |= {path: Client().get(path).content.decode() for path in OUTSIDE}
    for path, html in pages.items():
        assert not (found := INLINE.search(html)), (path, found)
        assert "Content-Security-Policy" in charlies.get(path).headers, path


def test_every_script_style_and_font_is_there(alices: Client, theme: Theme) -> None:
    version = theme.dataset.latest
    assert version is not None
    html = page(alices, "/stream/") + page(alices, f"/jobs/{version.job_id}/")
    for path in set(re.findall(r'(?:src|href)="/static/([^"#]+)', html)):
        assert finders.find(path), path


def test_every_icon_is_in_the_sprite(own: list[str], charlies: Client) -> None:
    sprite = Path(str(finders.find("vendor/lucide.svg"))).read_text()
    drawn = set(re.findall(r'<symbol id="([a-z0-9-]+)"', sprite))
    for path in (*own, *COMMON, "/users/"):
        used = set(
            re.findall(r"lucide\.svg#([a-z0-9-]+)", charlies.get(path).content.decode(errors="ignore"))
        )
        assert used <= drawn, (path, used - drawn)
