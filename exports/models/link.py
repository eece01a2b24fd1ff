"""Links: addresses by which others download an export, and what was fetched by them."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from exports.models.file import FileExport
from themis_admin.artifacts.models import Artifact
from themis_admin.jobs.models import OwnedQuerySet
from themis_admin.web.times import iso

SAME_DOWNLOAD = timedelta(hours=1)


class LinkQuerySet(OwnedQuerySet):
    """Links, by owner and by whether they work."""

    def live(self) -> Self:
        """Neither revoked nor expired, and what they lead to is there."""
        # Both become null when what they lead to is removed; the
        # link stays, so that its owner can see what became of it.
        there = Q(export__isnull=False) | Q(artifact__isnull=False)
        return self.filter(there, revoked_at=None, expires_at__gt=timezone.now())

    def for_lists(self) -> Self:
        """With all that `to_dict` and the pages read."""
        return self.select_related("owner", "export", "artifact").annotate(
            num_downloads=models.Sum("uses__num_downloads", default=0),
            last_used_at=models.Max("uses__last_used_at"),
        )


class Link(models.Model):
    """A link to an export or an artifact that needs no login; `key` is the part of its token that is kept."""

    key = models.CharField(max_length=16, unique=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    export = models.ForeignKey(FileExport, on_delete=models.SET_NULL, null=True, related_name="links")
    artifact = models.ForeignKey(Artifact, on_delete=models.SET_NULL, null=True, related_name="+")
    title = models.CharField(max_length=500)
    note = models.CharField(max_length=500, blank=True)
    max_downloads = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    objects = LinkQuerySet.as_manager()

    # From `for_lists`.
    num_downloads: int
    last_used_at: datetime | None

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["owner", "id"])]

    def __str__(self) -> str:
        return self.note or self.title

    @property
    def url(self) -> str:
        return f"/api/v1/links/{self.pk}/"

    @property
    def state(self) -> str:
        """active, revoked, expired, or removed where it leads nowhere any more."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at <= timezone.now():
            return "expired"
        return "active" if self.export_id or self.artifact_id else "removed"

    def to_dict(self) -> dict[str, Any]:
        """The link without its token."""
        return {
            "id": self.pk,
            "object": self.url,
            "state": self.state,
            "title": self.title,
            "note": self.note,
            "export": self.export_id,
            "artifact": self.artifact_id,
            "max_downloads": self.max_downloads,
            "num_downloads": self.num_downloads,
            "last_used_at": iso(self.last_used_at),
            "created_at": self.created_at.isoformat(),
            "created_by": self.owner.get_username(),
            "expires_at": self.expires_at.isoformat(),
            "revoked_at": iso(self.revoked_at),
        }


class LinkUse(models.Model):
    """How often one file was downloaded by one link.

    A download begins with the file's first byte, and what goes on from a later one belongs to it. So does the first byte
    asked for again from the same address within the hour, while less was sent than was begun: programs look at a file
    before they fetch it. `sent_bytes` is what was asked for, less what the client did not take.
    """

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="uses")
    artifact = models.ForeignKey(Artifact, on_delete=models.CASCADE, related_name="+")
    num_downloads = models.PositiveIntegerField(default=0)
    sent_bytes = models.PositiveBigIntegerField(default=0)
    begun_at = models.DateTimeField(null=True)
    begun_from = models.GenericIPAddressField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint("link", "artifact", name="link_use_once_a_file")]

    def __str__(self) -> str:
        return f"{self.link_id}/{self.artifact_id}"

    def begin(self, num_bytes: int, *, address: str | None, size: int, most: int | None) -> bool:
        """Send from the first byte on, as a new download or as one that was begun; False where the limit is reached."""
        now = timezone.now()
        sent = {"sent_bytes": F("sent_bytes") + num_bytes, "last_used_at": now}
        rows = LinkUse.objects.filter(pk=self.pk)
        # A browser asks for the first bytes, looks at the headers and begins again; a
        # download manager asks several times. From one address within an hour that is one
        # download, as long as it has not sent more than the downloads that were counted hold.
        # All of it is one conditional update, so that many at once do not pass the limit.
        again = rows.filter(begun_from=address, begun_at__gt=now - SAME_DOWNLOAD)
        if again.filter(sent_bytes__lt=F("num_downloads") * size).update(**sent):
            return True
        if most is not None:
            rows = rows.filter(num_downloads__lt=most)
        begun = {"num_downloads": F("num_downloads") + 1, "begun_at": now, "begun_from": address}
        return bool(rows.update(**sent, **begun))

    def resume(self, num_bytes: int, *, size: int, most: int | None) -> bool:
        """Send from a later byte on; False where nothing was begun, or all of it was sent twice already."""
        rows = LinkUse.objects.filter(pk=self.pk)
        if most is not None:
            # Twice the size leaves room for parts that were sent and got lost on the way; without any bound
            # ranges would be a way around the limit.
            rows = rows.filter(num_downloads__gt=0, sent_bytes__lt=F("num_downloads") * 2 * size)
        return bool(rows.update(sent_bytes=F("sent_bytes") + num_bytes, last_used_at=timezone.now()))

    def not_taken(self, num_bytes: int) -> None:
        """Take back what was asked for and not fetched."""
        LinkUse.objects.filter(pk=self.pk, sent_bytes__gte=num_bytes).update(
            sent_bytes=F("sent_bytes") - num_bytes
        )
