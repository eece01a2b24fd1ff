"""Feedback in the browser: runs, what they found hard, the weighting made of it, and two weightings compared."""

import json
import re
from html import unescape
from typing import Any

import numpy as np
import pytest
from django.test import Client

from exports.feedback import services as feedback
from exports.models import FeedbackRun
from tests.conftest import page
from tests.themis_admin.console.conftest import version
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Version, WeightingRule
from themis_admin.datasets.rules import services as rules
from themis_admin.jobs import runner
from themisdb_datasets.engine.weights.difficulty import records, sample_ids

__all__ = ["version"]


@pytest.fixture
def run(version: Version, alice: User) -> FeedbackRun:
    """A run that found every sample as hard as its position says, once each."""
    run = feedback.open_run(version.dataset, "Lauf 7", user=alice)
    ids = sample_ids(version.open(), np.arange(version.num_samples))
    told = records(ids, [float(position) for position in range(version.num_samples)])
    feedback.append(feedback.open_sender(run, "rank0"), seq=1, records=told)
    return run


def worked(run: FeedbackRun) -> FeedbackRun:
    run.refresh_from_db()
    assert run.job is not None
    runner.run(run.job.pk)
    return FeedbackRun.objects.get(pk=run.pk)


def data(html: str, ident: str) -> Any:
    return json.loads(html.split(f'id="{ident}" type="application/json">')[1].split("<")[0])


def test_a_run_is_listed_computed_and_shown(alices: Client, run: FeedbackRun, version: Version) -> None:
    assert "Lauf 7" in page(alices, "/feedback/")
    assert "Lauf 7" not in page(alices, "/feedback/?q=other")
    path = f"/feedback/{run.pk}/"
    assert "Compute the difficulties" in page(alices, path)
    assert alices.post(f"{path}fold/")["Location"] == path
    worked(run)
    html = page(alices, path)
    # Not in a script, for the page is swapped in when a job of the run ends.
    bins = json.loads(unescape(html.split('<div id="statistics-data" hidden>')[1].split("<")[0]))[
        "difficulty"
    ]
    assert sum(each["num_samples"] for each in bins) == version.num_samples
    samples = range(version.num_samples)
    assert shown(html) == list(reversed(samples))[:12]
    assert shown(page(alices, f"{path}?show=easiest")) == list(samples)[:12]


def shown(html: str) -> list[int]:
    """The samples that the page lists, by their position."""
    return [int(found) for found in re.findall(r'class="th-name" href="/versions/\d+/samples/(\d+)/', html)]


def test_a_weighting_is_made_of_it(alices: Client, run: FeedbackRun, version: Version) -> None:
    path = f"/feedback/{run.pk}/"
    wrong = {"name": "Schwer", "strength": "99", "least": "0.5", "most": "2", "missing": "1"}
    refused = alices.post(path, wrong)
    assert refused.status_code == 422
    assert "-10 to 10" in refused.content.decode()
    assert alices.post(path, {**wrong, "strength": "1"})["Location"] == path
    worked(run)
    rule = WeightingRule.objects.get(name="Schwer")
    assert f"/rules/{rule.pk}/" in page(alices, path)
    assert "what a training run found hard" in page(alices, f"/rules/{rule.pk}/")
    assert "what a training run found hard" in page(alices, "/rules/")
    form = page(alices, f"/rules/{rule.pk}/edit/")
    assert 'data-key="factors"' in form
    assert "newer samples weigh more" not in form
    assert rule.definition["factors"] in form


def test_two_weightings_are_compared(alices: Client, run: FeedbackRun, version: Version, alice: User) -> None:
    definition = {"kind": "map", "field": "law", "factors": {"BDSG": 2.0}, "default": 0.5}
    law = rules.create_rule(version.dataset, user=alice, name="Gesetz", definition=definition)
    path = f"/datasets/{version.dataset_id}/rules/compare/"
    assert "Choose the rules" in page(alices, path)
    html = page(alices, f"{path}?b={law.pk}")
    bins = data(html, "compare-bins")
    assert sum(each["a"] for each in bins) == sum(each["b"] for each in bins) == version.num_samples
    assert "Gesetz" in html
    assert alices.get(f"{path}?b=999999").status_code == 422
    assert alices.get(f"{path}?b=nonsense").status_code == 422


def test_a_run_is_removed_when_no_job_works_on_it(alices: Client, run: FeedbackRun) -> None:
    path = f"/feedback/{run.pk}/remove/"
    assert "losses that it told are deleted" in page(alices, path)
    alices.post(f"/feedback/{run.pk}/fold/")
    assert alices.post(path).status_code == 409
    worked(run)
    assert alices.post(path)["Location"] == "/feedback/"
    assert not FeedbackRun.objects.filter(pk=run.pk).exists()


def test_to_others_nothing_of_it_exists(bobs: Client, run: FeedbackRun, version: Version) -> None:
    for path in (f"/feedback/{run.pk}/", f"/feedback/{run.pk}/fold/", f"/feedback/{run.pk}/remove/"):
        assert bobs.post(path).status_code == 404
    assert bobs.get(f"/datasets/{version.dataset_id}/rules/compare/").status_code == 404
    assert "Lauf 7" not in page(bobs, "/feedback/")
