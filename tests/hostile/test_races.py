"""Many people at once on the same things: each gets an answer that fits some order, and the database never a fault."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from exports.limits import Consumer, count_plan, open_stream
from exports.models import CountedPlan
from tests.processes import PATIENCE
from tests.themis_admin.datasets.conftest import Ingest, dataset, folders, ingest, version
from themis_admin.accounts import services as accounts
from themis_admin.accounts.models import User
from themis_admin.datasets import services as datasets
from themis_admin.datasets.models import Dataset, Theme
from themis_admin.datasets.themes import services as themes
from themis_admin.jobs import runner, sweeper
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import ENDED, Event, Job
from themisdb_datasets.errors import LimitError, ThemisError

__all__ = ["Ingest", "dataset", "folders", "ingest", "version"]

pytestmark = pytest.mark.django_db(transaction=True)
WHERE = {"field": "law", "op": "eq", "value": "BDSG"}


def at_once(*functions: Callable[[], Any]) -> list[Any]:
    """What each function answers or raises, run in threads that start together."""
    results: list[Any] = [None] * len(functions)
    gate = threading.Barrier(len(functions))

    def body(at: int, function: Callable[[], Any]) -> None:
        try:
            gate.wait()
            results[at] = function()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
            results[at] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=body, args=pair) for pair in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_many_logins_at_once_no_more_are_tried_than_one_after_the_other(db: None) -> None:
    def guess() -> None:
        accounts.count_login("alice", "10.0.0.1")

    refused = [result for result in at_once(*[guess] * 16) if result is not None]
    assert {type(error) for error in refused} == {LimitError}
    assert len(refused) == 16 - accounts.FAILURES
    accounts.count_login("alice", "10.0.0.2")
    accounts.count_login("bob", "10.0.0.1")
    accounts.forget_failed_logins("alice", "10.0.0.1")
    accounts.count_login("ALICE", "10.0.0.1")


def act(dice: random.Random, user: User) -> None:
    """Something that somebody might do, with whatever is there."""
    target = Dataset.objects.filter(latest=None).order_by("?").first()
    theme = Theme.objects.select_related("dataset__owner").order_by("?").first()
    job = Job.objects.order_by("?").first()
    match dice.randrange(9):
        case 0:
            datasets.create_dataset(user=user, name=f"D{dice.randrange(6)}")
        case 1:
            jobs.submit("collect", owner=user, title="c", params={}, lane="collect")
        case 2:
            for row in Job.objects.filter(state="queued")[:2]:
                runner.run(row.pk)
        case 3:
            sweeper.sweep()
        case 4 if target is not None:
            themes.create_theme(target, user=user, name=f"T{dice.randrange(3)}", where=WHERE)
        case 5 if target is not None:
            if dice.random() < 0.5:
                datasets.update_dataset(target, user=user, description="x")
            else:
                datasets.delete_dataset(target, user=user)
        case 6 if theme is not None:
            themes.update_theme(theme, user=user, description="y")
        case 7 if theme is not None:
            themes.delete_theme(theme, user=user)
        case 8 if job is not None:
            jobs.cancel(job)


def test_changes_of_the_same_things_at_once_end_in_no_deadlock(
    alice: User, dataset: Dataset, version: Any
) -> None:
    """Each thread makes, changes and deletes for a while; what it may get is an answer of the services' own."""
    began = time.monotonic()

    def churn(seed: int) -> Counter[str]:
        dice, seen = random.Random(seed), Counter[str]()
        while (spent := time.monotonic() - began) < 3 or (seen["done"] < 6 and spent < PATIENCE):
            try:
                act(dice, alice)
                seen["done"] += 1
            except ThemisError as error:
                seen[error.code] += 1
        return seen

    results = at_once(*[lambda seed=seed: churn(seed) for seed in range(4)])
    print(results)
    assert all(isinstance(result, Counter) for result in results), results
    assert sum(result["done"] for result in results) > 20
    for job in Job.objects.filter(state="queued").order_by("pk"):
        runner.run(job.pk)
    assert not Job.objects.exclude(state__in=ENDED).exists()
    ends = Event.objects.filter(kind__in=("job.succeeded", "job.failed", "job.cancelled"))
    assert set(Counter(ends.values_list("job_id", flat=True)).values()) <= {1}


def test_of_two_jobs_of_a_lane_the_younger_one_is_not_overtaken_by_one_that_shows_up_late(
    alice: User,
) -> None:
    """On PostgreSQL an older job can become visible after a younger one runs already."""
    older = jobs.submit("collect", owner=alice, title="older", params={}, lane="collect")
    Job.objects.filter(pk=older.pk).update(lane="hidden")
    younger = jobs.submit("collect", owner=alice, title="younger", params={}, lane="collect")
    assert runner.claim(younger.pk) is not None
    Job.objects.filter(pk=older.pk).update(lane="collect")
    assert runner.claim(older.pk) is None


def test_of_many_streams_at_once_no_more_than_allowed_are_open(alice: User, settings: Settings) -> None:
    settings.THEMIS = replace(settings.THEMIS, max_streams=5)
    token, _ = accounts.create_token(alice, name="test", scopes=["export"])

    def begin(number: int) -> None:
        # By a token and in the browser, which have places of their own.
        consumer = Consumer(alice, token if number % 2 else None)
        open_stream(consumer, title="Lärm", plan="0" * 64, start=0, num_samples=None)

    refused = [result for result in at_once(*[partial(begin, n) for n in range(16)]) if result is not None]
    assert {type(error) for error in refused} == {LimitError}
    assert len(refused) == 16 - 2 * 5


def test_of_many_new_plans_at_once_no_more_than_allowed_are_counted(alice: User, settings: Settings) -> None:
    settings.THEMIS = replace(settings.THEMIS, max_plans_an_hour=5)
    consumer = Consumer(alice)
    plans = [f"{number % 8:064d}" for number in range(16)]
    results = at_once(*[partial(count_plan, plan, consumer) for plan in plans])
    assert {type(result) for result in results} == {LimitError, type(None)}
    counted = set(CountedPlan.objects.values_list("plan", flat=True))
    assert len(counted) == CountedPlan.objects.count() == 5
    assert all((result is None) == (plan in counted) for plan, result in zip(plans, results, strict=True))
