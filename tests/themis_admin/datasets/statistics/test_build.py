"""Statistics are computed by a job when something is published or saved."""

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import Ingest
from tests.themis_admin.datasets.statistics.conftest import LAW, asked, waiting, work
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Theme, Version
from themis_admin.datasets.themes import services as themes

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_published_version_gets_its_statistics(as_alice: APIClient, version: Version) -> None:
    (job,) = work()
    assert (job.state, job.title) == ("succeeded", "Statistics of Gesetze, version 1"), job.error
    told = asked(as_alice, version)
    assert (told["version"], told["theme"], told["num_samples"]) == (version.pk, None, 4)
    assert told["num_bytes"] == version.num_bytes
    assert told["text_field"] == "text"
    law = next(field for field in told["fields"] if field["name"] == "law")
    assert law["values"]["top"] == [["BImSchG", 2], ["BDSG", 1], ["TierSchG", 1]]


def test_a_saved_theme_gets_its_statistics(
    as_alice: APIClient, alice: User, version: Version, theme: Theme
) -> None:
    assert [job.state for job in work()] == ["succeeded"] * 2
    told = asked(as_alice, version, theme=theme.pk)
    assert (told["theme"], told["num_samples"]) == (theme.pk, 2)
    assert [field["absent"] for field in told["fields"]] == [
        0
    ] * 5  # of what only other samples have nothing is said
    themes.update_theme(theme, user=alice, description="nothing else")
    assert not waiting()
    themes.update_theme(theme, user=alice, where={"not": LAW})
    assert [job.state for job in work()] == ["succeeded"]
    assert asked(as_alice, version, theme=theme.pk)["num_samples"] == 2


def test_a_new_version_gets_those_of_its_themes_too(
    as_alice: APIClient, theme: Theme, ingest: Ingest, dataset: Dataset
) -> None:
    work()
    ingest([{"id": "x", "law": "BImSchG"}])
    assert [job.result["num_documents"] for job in work()] == [2]
    assert dataset.latest is not None
    assert asked(as_alice, dataset.latest, theme=theme.pk)["num_samples"] == 3
