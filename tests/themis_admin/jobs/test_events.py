"""Events are durable, in order, without gaps, and only for those who may see them."""

import random
import threading
import time

import pytest
from django.db import connection, transaction
from rest_framework.test import APIClient

from tests.themis_admin.jobs.conftest import submit
from themis_admin.accounts.models import User
from themis_admin.jobs import events, runner
from themis_admin.jobs.models import Event

WRITERS, EACH = 4, 40


@pytest.mark.django_db(transaction=True)
def test_a_reader_misses_no_event_of_many_writers(alice: User) -> None:
    """Ids are given out before commit; a reader of "id > since" would miss what commits late."""

    def write(seed: int) -> None:
        pause = random.Random(seed)
        for number in range(EACH):
            with transaction.atomic():
                events.record("toy", owner=alice, data={"writer": seed, "number": number})
                time.sleep(pause.random() * 0.004)
        connection.close()

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(WRITERS)]
    for writer in writers:
        writer.start()
    seen: list[Event] = []
    while any(writer.is_alive() for writer in writers) or events.after(alice, seen[-1].pk if seen else 0):
        seen += events.after(alice, seen[-1].pk if seen else 0)
        time.sleep(0.0005)  # a reader without a pause keeps the writers' threads from writing
    assert len(seen) == WRITERS * EACH == Event.objects.count()
    for seed in range(WRITERS):
        assert [e.data["number"] for e in seen if e.data["writer"] == seed] == list(range(EACH))


@pytest.mark.django_db(transaction=True)
def test_an_event_is_written_with_what_it_tells_of_or_not_at_all(alice: User) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        events.record("toy", owner=alice)
        raise RuntimeError
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_progress_tells_rate_and_the_seconds_left(alice: User) -> None:
    job = submit(alice, "toy.count", steps=60)
    runner.run(job.pk)
    progress = [event.data for event in Event.objects.filter(job=job, kind="job.progress")]
    assert progress, "a job of more than a second reports"
    assert [each["done"] for each in progress] == sorted(each["done"] for each in progress)
    last = progress[-1]
    assert (last["total"], last["unit"]) == (60, "steps")
    assert 0 < last["rate"] <= 50, "a step takes 20 ms at least"
    assert last["eta_seconds"] == pytest.approx((60 - last["done"]) / last["rate"])


@pytest.mark.django_db
def test_polling_gives_what_came_after(alice: User, as_alice: APIClient) -> None:
    first, second = (events.record("toy", owner=alice, data={"n": n}) for n in range(2))
    answer = as_alice.get("/api/v1/events/", {"since": first.pk}).json()
    assert [event["id"] for event in answer["results"]] == [second.pk]
    assert answer["results"][0]["data"] == {"n": 1}
    assert answer["last"] == second.pk
    assert as_alice.get("/api/v1/events/", {"since": second.pk}).json() == {"results": [], "last": second.pk}


@pytest.mark.django_db
def test_others_events_are_not_seen_but_by_administrators(
    alice: User, as_bob: APIClient, as_charlie: APIClient
) -> None:
    events.record("toy", owner=alice)
    assert as_bob.get("/api/v1/events/").json()["results"] == []
    assert len(as_charlie.get("/api/v1/events/").json()["results"]) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("since", ["-1", "x", "1.5", "9" * 30, "²"])
def test_since_is_a_number(as_alice: APIClient, since: str) -> None:
    answer = as_alice.get("/api/v1/events/", {"since": since})
    assert answer.status_code == 400
    assert "since" in answer.json()["fields"]
