"""Tokenizers that were uploaded: each a tokenizer.json, kept as an artifact, under its owner's name for it."""

from typing import Any, Self

from django.conf import settings
from django.db import models

from themis_admin.jobs.models import OwnedQuerySet


class TokenizerQuerySet(OwnedQuerySet):
    """Tokenizers, by owner and name."""

    def named(self, name: str) -> Self:
        """Those of this name in any case; compared in Python, for SQLite lowers only ASCII letters."""
        known = self.values_list("pk", "name")
        return self.filter(pk__in=[pk for pk, each in known if each.casefold() == name.casefold()])


class Tokenizer(models.Model):
    """A tokenizer.json that loads, by its SHA-256; `details` is what it says of itself: its model and its added tokens."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    num_bytes = models.PositiveBigIntegerField()
    vocabulary_size = models.PositiveBigIntegerField()
    eos_token = models.CharField(max_length=200, blank=True)
    details = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TokenizerQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint("owner", "name", name="tokenizer_name_once_an_owner")]

    def __str__(self) -> str:
        return self.name

    @property
    def keeper(self) -> str:
        """The name under which it keeps its file."""
        return f"tokenizers/{self.pk}"

    @property
    def url(self) -> str:
        return f"/api/v1/{self.keeper}/"

    @property
    def dtype(self) -> str:
        """The type that its tokens fit, if nobody asks for another."""
        return "uint16" if self.vocabulary_size <= 1 << 16 else "uint32"

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.pk,
            "url": self.url,
            "name": self.name,
            "sha256": self.digest,
            "num_bytes": self.num_bytes,
            "vocabulary_size": self.vocabulary_size,
            "dtype": self.dtype,
            "eos_token": self.eos_token or None,
            **self.details,
            "created_at": self.created_at.isoformat(),
            "created_by": self.owner.get_username(),
        }
