"""Events: durable rows, written with what they tell of, and a nudge over Redis that may be lost."""

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connection, transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

from themis_admin.jobs.models import Event, Job

CHANNEL = "themis:events"
# PostgreSQL gives out ids before commit, so that a later id may become visible first and a reader of "id > since"
# would miss the earlier one. This lock, held until commit, makes the order of ids the order of commits.
ORDER_LOCK = 0x7468656D6973
# A connection that broke while it lay idle is replaced; a Redis that is down is not waited for.
ONCE_MORE = Retry(NoBackoff(), 1)
log = logging.getLogger(__name__)


def record(
    kind: str, *, owner: AbstractBaseUser, job: Job | None = None, data: Mapping[str, Any] | None = None
) -> Event:
    """Write an event in the present transaction, and nudge the listeners once that is committed.

    It comes last in a transaction: what waits for a row while it holds the order of events can wait for each other.
    """
    # Its own block, so that the lock is taken and the row written in one transaction also where the caller
    # has none: under autocommit the lock would be gone before the insert.
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ORDER_LOCK])
        event = Event.objects.create(kind=kind, owner_id=owner.pk, job=job, data=dict(data or {}))
        # Not before: a listener that looked now would find nothing, and then sleep until its next poll.
        transaction.on_commit(nudge)
    return event


def after(user: Any, since: int, *, limit: int = 200) -> list[Event]:
    """The events after `since` that the user may see, the oldest first."""
    # Going on from an id misses nothing only because ids become visible in their order; see ORDER_LOCK.
    return list(Event.objects.visible_to(user).filter(id__gt=since).order_by("id")[:limit])


def last_id() -> int:
    """The id of the newest event; 0 where there is none."""
    return Event.objects.order_by("-id").values_list("id", flat=True).first() or 0


def nudge() -> None:
    """Wake the listeners of all web processes; without Redis they look by themselves every few seconds."""
    try:
        _redis().publish(CHANNEL, b"")
    except redis.RedisError as error:
        log.warning("events are delayed, Redis does not answer: %s", error)


@lru_cache(maxsize=1)
def _redis() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.THEMIS.redis_url, socket_timeout=1, socket_connect_timeout=1, retry=ONCE_MORE
    )
