"""Datasets as rows, by who may see them."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from themis_admin.jobs.models import Viewer

API = "/api/v1"


def sees_everything(user: Viewer) -> bool:
    return bool(user.is_authenticated and getattr(user, "is_superuser", False))


def username_of(user: Any) -> str | None:
    return user.get_username() if user is not None else None


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, user: Viewer) -> Self:
        if sees_everything(user):
            return self
        return self.filter(owner_id=user.pk) if user.is_authenticated else self.none()

    def named(self, name: str) -> Self:
        """Those of this name in any case; compared in Python, for SQLite lowers only ASCII letters."""
        return self.filter(pk__in=ids_named(self, name))

    def with_latest(self) -> Self:
        """With all that `to_dict` reads."""
        return self.select_related("owner", "latest__created_by").prefetch_related("latest__labels")


class Dataset(models.Model):
    """A named collection of samples with a key field, a timestamp field and a default field mapping."""

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    key_field = models.CharField(max_length=500, blank=True, default="")
    timestamp_field = models.CharField(max_length=500, blank=True, default="")
    field_mapping = models.JSONField(default=dict, blank=True)
    split = models.JSONField(null=True, blank=True)
    retention = models.JSONField(null=True, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="datasets")
    # A pointer beside the numbers: it flips in the transaction that publishes, so that readers see either the
    # old version or the whole new one.
    latest = models.ForeignKey("Version", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint("owner", Lower("name"), name="dataset_name_once_an_owner"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        return f"{API}/datasets/{self.pk}/"

    @property
    def lane(self) -> str:
        """The jobs that change this dataset run one after the other in this lane."""
        return f"dataset:{self.pk}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.pk,
            "url": self.url,
            "name": self.name,
            "description": self.description,
            "key_field": self.key_field,
            "timestamp_field": self.timestamp_field,
            "field_mapping": self.field_mapping,
            "split": self.split,
            "retention": self.retention,
            "latest": self.latest.to_dict() if self.latest is not None else None,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "created_by": username_of(self.owner),
        }


def ids_named(objects: models.QuerySet[Any], name: str) -> list[int]:
    wanted = name.casefold()
    return [pk for pk, each in objects.order_by("pk").values_list("pk", "name") if each.casefold() == wanted]
