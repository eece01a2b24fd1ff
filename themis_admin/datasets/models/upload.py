"""Uploads as rows: files on their way in."""

import uuid
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from django.db import models

from themis_admin.jobs.models import Viewer


class UploadQuerySet(models.QuerySet["Upload"]):
    def visible_to(self, user: Viewer) -> Self:
        """The uploader's alone: nobody else, administrators included, has business with a half-sent file."""
        return self.filter(owner_id=user.pk) if user.is_authenticated else self.none()


class Upload(models.Model):
    """A file on its way in, sent in parts that may be broken off and resumed."""

    class State(models.TextChoices):
        OPEN = "open"
        COMPLETE = "complete"
        USED = "used"

    # Known before the row is saved, because the file is named by it and is made first.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads")
    filename = models.CharField(max_length=500)
    num_bytes = models.PositiveBigIntegerField()
    received = models.PositiveBigIntegerField(default=0)
    state = models.CharField(max_length=20, choices=State.choices, default=State.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = UploadQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.filename

    @property
    def url(self) -> str:
        return f"/api/v1/uploads/{self.pk}/"

    @property
    def path(self) -> Path:
        return Path(settings.THEMIS.uploads_dir) / f"{self.pk}.part"

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": str(self.pk),
            "url": self.url,
            "filename": self.filename,
            "num_bytes": self.num_bytes,
            "received": self.received,
            "state": self.state,
            "created_at": self.created_at.isoformat(),
            "created_by": self.owner.get_username(),
        }
