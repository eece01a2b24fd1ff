"""Users, API tokens and audit entries."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils import timezone

from themis_admin.web.times import iso

MARK = "thm"
USED_EVERY = timedelta(minutes=1)


class User(AbstractUser):
    """Somebody who logs in; superusers administer the installation."""

    class Meta(AbstractUser.Meta):
        ordering = ["username"]


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Tokens, by who owns them and whether they work."""

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """One's own; nobody sees or revokes another's."""
        return self.filter(user_id=user.pk) if user.is_authenticated else self.none()

    def usable(self) -> Self:
        """Neither revoked nor expired, of a user who is active."""
        now = timezone.now()
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=now), revoked_at__isnull=True, user__is_active=True
        )

    def with_text(self, text: str) -> Self:
        """The usable token that is written like this, if there is one."""
        return self.usable().filter(digest=token_digest(text)).select_related("user")


class ApiToken(models.Model):
    """A bearer token: only its SHA-256 is kept, the text is shown once. The text has 256 random bits."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=200)
    prefix = models.CharField(max_length=20)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """active, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        expired = self.expires_at is not None and self.expires_at <= timezone.now()
        return "expired" if expired else "active"

    def touch(self) -> None:
        """Remember that it was used, at most once a minute."""
        now = timezone.now()
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USED_EVERY)
        # Looked at before the update, for an update that finds nothing
        # takes the database's write lock too, on SQLite from all.
        if self.last_used_at is None or self.last_used_at < now - USED_EVERY:
            ApiToken.objects.filter(stale, pk=self.pk).update(last_used_at=now)

    def to_dict(self) -> dict[str, Any]:
        """The token without its text."""
        return {
            "id": self.pk,
            "url": f"/api/v1/tokens/{self.pk}/",
            "name": self.name,
            "prefix": self.prefix,
            "scopes": self.scopes,
            "state": self.state,
            "created_at": self.created_at.isoformat(),
            "created_by": self.user.get_username(),
            "expires_at": iso(self.expires_at),
            "last_used_at": iso(self.last_used_at),
        }


def new_token_text() -> tuple[str, str]:
    """A new token's text, and the part of it that is kept to tell tokens apart."""
    prefix = f"{MARK}_{secrets.token_hex(4)}"
    return f"{prefix}_{secrets.token_urlsafe(32)}", prefix


def token_digest(text: str) -> str:
    """What is kept of a token."""
    # No salt and no slow hash: the text has 256 random bits, which nobody tries out, and a plain digest can
    # be looked for by its index with every request.
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    """Audit entries, by who may read them."""

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Administrators see all, others what they did themselves."""
        if not user.is_authenticated:
            return self.none()
        return self if user.is_superuser else self.filter(user_id=user.pk)


class AuditEntry(models.Model):
    """One thing that somebody did; entries are only ever added."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="audit_entries"
    )
    token = models.ForeignKey(ApiToken, on_delete=models.SET_NULL, null=True, related_name="+")
    action = models.CharField(max_length=100)
    object = models.CharField(max_length=500, blank=True)
    detail = models.JSONField(default=dict)
    ip = models.GenericIPAddressField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["user", "id"])]

    def __str__(self) -> str:
        return f"{self.action} {self.object}"

    def to_dict(self) -> dict[str, Any]:
        """The entry for the API."""
        return {
            "id": self.pk,
            "action": self.action,
            "object": self.object,
            "detail": self.detail,
            "ip": self.ip,
            "token": self.token.prefix if self.token else None,
            "created_at": self.created_at.isoformat(),
            "created_by": self.user.get_username() if self.user else None,
        }
