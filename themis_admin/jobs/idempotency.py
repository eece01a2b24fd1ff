"""Requests that may be sent twice: an Idempotency-Key answers the job that the first one started."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from themis_admin.accounts.models import User
from themis_admin.jobs.models import IdempotencyKey, Job
from themisdb_datasets.errors import ConflictError, MalformedError

KEPT = timedelta(days=2)


def once(user: User, key: str, what: Mapping[str, Any], start: Callable[[], Job]) -> Job:
    """Start a job unless `user` has started one under `key`; ConflictError when that was for something else."""
    if len(key) > 255 or not key.isprintable():
        raise MalformedError("An Idempotency-Key has at most 255 printable characters.")
    fingerprint = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()
    IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    known = _known(user, key, fingerprint)
    if known is not None:
        return known
    try:
        # Job and key are written together or not at all: a key without its job would answer with nothing for
        # two days, and a job without its key would be started again.
        with transaction.atomic():
            job = start()
            IdempotencyKey.objects.create(owner=user, key=key, fingerprint=fingerprint, job=job)
        return job
    except IntegrityError:
        # The same request came twice at once; the other was first, and this one's job is rolled back.
        known = _known(user, key, fingerprint)
        if known is None:
            raise
        return known


def _known(user: User, key: str, fingerprint: str) -> Job | None:
    row = IdempotencyKey.objects.select_related("job__owner").filter(owner=user, key=key).first()
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise ConflictError("This Idempotency-Key was used for another request.", code="idempotency_key_used")
    return row.job
