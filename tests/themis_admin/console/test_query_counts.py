"""Lists ask the database as often for many rows as for one."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from themis_admin.accounts.models import User
from themis_admin.accounts.services import create_token
from themis_admin.datasets import services as datasets
from themis_admin.datasets.models import Dataset, Theme, Version
from themis_admin.datasets.themes import services as themes
from themis_admin.jobs import services as jobs
from themis_admin.snapshots import services as snapshots

MOST = 16  # with session, user, the counts in the rail and the last event


def queries(browser: Client, path: str) -> int:
    browser.get(path)  # caches of sessions and content types are warm from here on
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert browser.get(path).status_code == 200
    return len(captured)


def _dataset(alice: User, number: int) -> Dataset:
    return datasets.create_dataset(user=alice, name=f"Dataset {number}")


@pytest.mark.parametrize(
    "path", ["/", "/datasets/", "/themes/", "/jobs/", "/tokens/", "/stream/", "/snapshots/", "/palette/?q="]
)
def test_lists_do_not_ask_once_a_row(
    path: str, alices: Client, alice: User, version: Version, dataset: Dataset
) -> None:
    where = {"field": "law", "op": "eq", "value": "BDSG"}
    makers: list[Callable[[int], object]] = [
        lambda n: _dataset(alice, n),
        lambda n: themes.create_theme(dataset, user=alice, name=f"Theme {n}", where=where),
        lambda n: jobs.submit("toy", owner=alice, title=f"Job {n}", params={}),
        lambda n: snapshots.start_snapshot(version, user=alice, series=f"s{n}"),
        lambda n: create_token(alice, name=f"Token {n}", scopes=["read"]),
    ]
    for make in makers:
        make(0)
    few = queries(alices, path)
    for number in range(1, 6):
        for make in makers:
            make(number)
    assert queries(alices, path) == few <= MOST


def test_a_dataset_does_not_ask_once_a_version_or_theme(
    alices: Client, alice: User, theme: Theme, dataset: Dataset
) -> None:
    path = f"/datasets/{dataset.pk}/"
    few = queries(alices, path)
    for number in range(2, 6):
        Version.objects.create(
            dataset=dataset,
            number=number,
            digest="0" * 64,
            num_samples=1,
            num_bytes=1,
            mode="append",
            created_by=alice,
        )
        themes.create_theme(dataset, user=alice, name=f"Theme {number}", where=theme.where)
    assert queries(alices, path) == few <= MOST
