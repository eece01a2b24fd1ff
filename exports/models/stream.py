"""Live streams: a row each, leased by the web process that sends it, and the plans that count towards a limit."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from themis_admin.jobs.models import OwnedQuerySet

GONE = "The server that sent it stopped; go on from the last line with the cursor."


def new_export_id() -> str:
    """A name that nobody guesses."""
    return f"exp_{secrets.token_hex(8)}"


class StreamState(models.TextChoices):
    """What ThemisDB's status calls them."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


class StreamQuerySet(OwnedQuerySet):
    """Streams; those under way hold a lease."""

    def open(self) -> "StreamQuerySet":
        """Those that a web process is sending."""
        return self.filter(state=StreamState.IN_PROGRESS, lease_until__gt=timezone.now())

    def lost(self) -> "StreamQuerySet":
        """Those whose web process has gone."""
        return self.filter(state=StreamState.IN_PROGRESS, lease_until__lte=timezone.now())


class Stream(models.Model):
    """One live stream of a plan to one client."""

    export_id = models.CharField(max_length=40, unique=True, default=new_export_id)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    token = models.ForeignKey("accounts.ApiToken", on_delete=models.SET_NULL, null=True, related_name="+")
    title = models.CharField(max_length=500)
    plan = models.CharField(max_length=64)
    start = models.PositiveBigIntegerField(default=0)
    state = models.CharField(max_length=20, choices=StreamState.choices, default=StreamState.IN_PROGRESS)
    records_processed = models.PositiveBigIntegerField(default=0)
    # None where it is not known: a continuous stream has no end.
    records_total = models.PositiveBigIntegerField(null=True)
    num_bytes = models.PositiveBigIntegerField(default=0)
    lease_until = models.DateTimeField()
    error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    objects = StreamQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["owner", "state"]), models.Index(fields=["state", "lease_until"])]

    def __str__(self) -> str:
        return self.export_id

    @property
    def is_lost(self) -> bool:
        """Whether its web process has gone without a word."""
        return self.state == StreamState.IN_PROGRESS and self.lease_until <= timezone.now()

    def to_dict(self) -> dict[str, Any]:
        """The status as ThemisDB has it; `progress` is from 0 to 1."""
        # Of a process that has gone it is not known when it went; the end of its lease is taken for it.
        ended: datetime = self.finished_at or (self.lease_until if self.is_lost else timezone.now())
        return {
            "export_id": self.export_id,
            "url": f"/api/export/status/{self.export_id}",
            "status": str(StreamState.FAILED if self.is_lost else self.state),
            "progress": self._progress(),
            "records_processed": self.records_processed,
            "records_total": self.records_total,
            "num_bytes": self.num_bytes,
            "duration_ms": round((ended - self.created_at) / timedelta(milliseconds=1)),
            "error": GONE if self.is_lost else self.error or None,
            "title": self.title,
            "cursor": f"{self.plan}.{self.start}",
            "created_at": self.created_at.isoformat(),
            "created_by": self.owner.get_username(),
        }

    def _progress(self) -> float | None:
        if self.records_total is None:
            return None
        return round(self.records_processed / self.records_total, 4) if self.records_total else 1.0


class CountedPlan(models.Model):
    """A plan that a token, or a user in the browser, has asked for: the first time counts, all others are free."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    token = models.ForeignKey("accounts.ApiToken", on_delete=models.CASCADE, null=True, related_name="+")
    plan = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["owner", "token", "created_at"])]
        constraints = [models.UniqueConstraint(fields=["owner", "token", "plan"], name="plan_counted_once")]

    def __str__(self) -> str:
        return self.plan
