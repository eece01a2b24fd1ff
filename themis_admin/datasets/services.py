"""What people do with datasets: create, change and delete them."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import models, transaction
from django.db.models import ProtectedError

from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.datasets import cleaning
from themis_admin.datasets.models import Dataset
from themis_admin.datasets.rows import hold, name_taken, saved, still_used
from themis_admin.jobs import events
from themis_admin.jobs import services as jobs
from themis_admin.jobs.files import rejects_path
from themis_admin.jobs.models import Job
from themis_admin.storage.space import remove_file
from themisdb_datasets.errors import ConflictError, NotFoundError


def create_dataset(*, user: User, name: Any, **settings_: Any) -> Dataset:
    """A new, empty dataset; ConflictError when the user has one of this name in any case."""
    values = _dataset_values({"name": name, **settings_})
    with transaction.atomic():
        if Dataset.objects.filter(owner=user).named(values["name"]).exists():
            raise name_taken(values["name"], "dataset")
        dataset = saved(Dataset(owner=user, **values), "dataset")
        audit.record(user=user, action="dataset.created", object=dataset.url, detail={"name": dataset.name})
        events.record("dataset.created", owner=user, data={"dataset": dataset.pk, "name": dataset.name})
    return dataset


def update_dataset(dataset: Dataset, *, user: User, **changes: Any) -> Dataset:
    """Change a dataset's name, description, fields or mapping; its versions stay as they are."""
    values = _dataset_values(changes)
    with transaction.atomic():
        hold(dataset, "dataset")
        if "name" in values:
            others = Dataset.objects.filter(owner_id=dataset.owner_id).exclude(pk=dataset.pk)
            if others.named(values["name"]).exists():
                raise name_taken(values["name"], "dataset")
        for field, value in values.items():
            setattr(dataset, field, value)
        saved(dataset, "dataset", update_fields=[*values, "updated_at"])
        audit.record(
            user=user, action="dataset.updated", object=dataset.url, detail={"fields": sorted(values)}
        )
    return dataset


def delete_dataset(dataset: Dataset, *, user: User) -> Job:
    """Delete a dataset with its versions, rejects and themes; a job then frees the shards that nothing refers to."""
    with transaction.atomic():
        # Held first: of two who delete it at once the second waits,
        # and is told that it is gone instead of failing midway.
        locked = Dataset.objects.select_for_update().filter(pk=dataset.pk).first()
        if locked is None:
            raise NotFoundError("The dataset is gone already.")
        busy = Job.objects.filter(lane=locked.lane, state__in=("queued", "running")).first()
        if busy is not None:
            raise ConflictError(
                f"“{busy.title}” is {busy.state}; cancel that job or wait for it, then delete the dataset.",
                code="dataset_busy",
                fields={"job": busy.pk},
            )
        detail = {"name": locked.name, "num_versions": locked.versions.count()}
        audit.record(user=user, action="dataset.deleted", object=locked.url, detail=detail)
        data = {"dataset": locked.pk, "name": locked.name}
        for pk in Job.objects.filter(lane=locked.lane).values_list("pk", flat=True):
            # Files cannot be rolled back, so they go when the rows are gone for certain.
            transaction.on_commit(partial(remove_file, rejects_path(pk)))
        _let_go(locked)
        try:
            locked.delete()
        # Rows of other apps may point at it, a snapshot or an index of one of its versions; they protect
        # themselves, so that this need not know of them.
        except ProtectedError as error:
            raise still_used(error) from None
        events.record("dataset.deleted", owner=locked.owner, data=data)
        return jobs.submit(
            "collect", owner=user, title="Free the space of deleted data", params={}, lane="collect"
        )


def _let_go(dataset: Dataset) -> None:
    """Whatever points at datasets lets go of the files it keeps for this one, by a class method `let_go(dataset)`.

    The rows go with the dataset; files would stay behind, and only their owner's app knows which they are.
    """
    for relation in Dataset._meta.get_fields(include_hidden=True):
        model: Any = relation.related_model
        if isinstance(relation, models.ManyToOneRel) and hasattr(model, "let_go"):
            model.let_go(dataset)


def _dataset_values(given: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field, value in given.items():
        if field == "name":
            values[field] = cleaning.clean_name(value)
        elif field == "description":
            values[field] = cleaning.clean_text(value, field=field)
        elif field in ("key_field", "timestamp_field"):
            values[field] = cleaning.clean_text(value, field=field, max_length=cleaning.MAX_FIELD)
        elif field == "field_mapping":
            values[field] = cleaning.clean_mapping(value)
        elif field == "split":
            values[field] = cleaning.clean_split(value)
        else:
            raise TypeError(f"a dataset has no {field}")
    return values
