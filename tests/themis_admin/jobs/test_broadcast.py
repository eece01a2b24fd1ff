"""Events go over Redis, whose loss costs nothing."""

import dataclasses

import pytest
from django.conf import LazySettings
from django.db import transaction

from themis_admin.accounts.models import User
from themis_admin.jobs import events


@pytest.mark.django_db(transaction=True)
def test_a_broken_redis_does_not_break_the_transaction(alice: User, settings: LazySettings) -> None:
    settings.THEMIS = dataclasses.replace(settings.THEMIS, redis_url="redis://127.0.0.1:1/0")
    events._redis.cache_clear()
    try:
        with transaction.atomic():
            event = events.record("toy", owner=alice)
    finally:
        events._redis.cache_clear()
    assert events.after(alice, 0) == [event]
