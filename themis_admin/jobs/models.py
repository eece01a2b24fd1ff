"""Jobs and events: the database is the queue, and the record of what happened."""

from typing import Any, Self

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import models

from themis_admin.web.times import iso


class IdempotencyKey(models.Model):
    """A request that started a job under a key of the client's: sent again, it answers the same job."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    job = models.ForeignKey("jobs.Job", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint("owner", "key", name="idempotency_key_once_an_owner")]

    def __str__(self) -> str:
        return self.key


Viewer = AbstractBaseUser | AnonymousUser


class OwnedQuerySet(models.QuerySet[Any]):
    """Rows with an owner."""

    def visible_to(self, user: Viewer) -> Self:
        """One's own; administrators see all."""
        if not user.is_authenticated:
            return self.none()
        return self if getattr(user, "is_superuser", False) else self.filter(owner_id=user.pk)


class JobState(models.TextChoices):
    """What a job is at."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
UNENDED = (JobState.QUEUED, JobState.RUNNING)


class Job(models.Model):
    """One piece of tracked work. Only the runner writes its state, and only while its fence holds.

    `lane` puts jobs in a line: of those with the same lane the oldest that has not ended runs, the others wait.
    """

    kind = models.CharField(max_length=50)
    title = models.CharField(max_length=500)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="jobs")
    lane = models.CharField(max_length=100, blank=True)
    params = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=JobState.choices, default=JobState.QUEUED)
    # Raised by every claim and every release; a write that names an older one finds no row. That is what
    # keeps a worker which was frozen, and comes back, from ending a job that is another's by now.
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    lost_claims = models.PositiveIntegerField(default=0)
    # When workers were last told of it. The sweeper tells again what waits too long, for hints may be lost.
    hinted_at = models.DateTimeField(null=True)
    cancel_requested = models.BooleanField(default=False)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(null=True)
    unit = models.CharField(max_length=20, blank=True)
    rate = models.FloatField(null=True)
    eta_seconds = models.FloatField(null=True)
    error = models.TextField(blank=True)
    error_code = models.CharField(max_length=50, blank=True)
    result = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            # For the sweeper's rounds, for whose turn it is in a lane, and for a user's list of jobs.
            models.Index(fields=["state", "id"]),
            models.Index(fields=["lane", "state"]),
            models.Index(fields=["owner", "id"]),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def url(self) -> str:
        return f"/api/v1/jobs/{self.pk}/"

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def to_dict(self) -> dict[str, Any]:
        """The job for the API and for events."""
        return {
            "id": self.pk,
            "url": self.url,
            "kind": self.kind,
            "title": self.title,
            "state": str(self.state),
            "cancel_requested": self.cancel_requested,
            "done": self.done,
            "total": self.total,
            "unit": self.unit,
            "rate": self.rate,
            "eta_seconds": self.eta_seconds,
            "error": self.error or None,
            "error_code": self.error_code or None,
            "result": self.result,
            "created_at": self.created_at.isoformat(),
            "created_by": self.owner.get_username(),
            "started_at": iso(self.started_at),
            "finished_at": iso(self.finished_at),
        }


class Event(models.Model):
    """Something that happened, for who may see it; ids grow in the order in which events become visible."""

    kind = models.CharField(max_length=50)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="events")
    job = models.ForeignKey(Job, on_delete=models.CASCADE, null=True, related_name="events")
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["owner", "id"]), models.Index(fields=["job", "id"])]

    def __str__(self) -> str:
        return f"{self.pk} {self.kind}"

    def to_dict(self) -> dict[str, Any]:
        """The event as it is sent."""
        return {
            "id": self.pk,
            "kind": self.kind,
            "job": self.job_id,
            "data": self.data,
            "created_at": self.created_at.isoformat(),
        }
