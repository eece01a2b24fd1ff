"""Rows with names: held while they change, saved under a name that nobody else has, and told of."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Theme, WeightingRule
from themis_admin.jobs import events
from themisdb_datasets.errors import ConflictError, NotFoundError

Row = TypeVar("Row", Dataset, Theme, WeightingRule)
ThemeOrRule = TypeVar("ThemeOrRule", Theme, WeightingRule)
NOUNS: dict[type[Any], tuple[str, str]] = {
    Theme: ("theme", "theme"),
    WeightingRule: ("weighting rule", "rule"),
}


def name_taken(name: str, noun: str) -> ConflictError:
    """Somebody else has the name."""
    return ConflictError.at(
        "name", "There is already a {noun} named “{name}”.", code="name_taken", noun=noun, name=name
    )


def still_used(error: ProtectedError) -> ConflictError:
    """Something else would lose what it was made of."""
    kinds = Counter(type(each)._meta for each in error.protected_objects)
    told = [
        f"{count:,} {kind.verbose_name if count == 1 else kind.verbose_name_plural}"
        for kind, count in kinds.items()
    ]
    message = (
        f"It is what {' and '.join(told)} {'is' if kinds.total() == 1 else 'are'} made of; remove that first."
    )
    return ConflictError(message, code="still_used")


def hold(row: Row, noun: str) -> None:
    """Keep a row from being changed or deleted by others until the transaction ends."""
    # The row in hand was read before the transaction, so
    # whether it is still there is asked again with the lock.
    if not type(row).objects.select_for_update().filter(pk=row.pk).exists():
        raise NotFoundError(f"The {noun} was deleted meanwhile.")


def saved(row: Row, noun: str, **options: Any) -> Row:
    """Save a row; the database has the last word on a name that two requests take at once."""
    try:
        with transaction.atomic():
            # In a savepoint: on PostgreSQL an error ends the whole transaction, and
            # the caller's could not go on to tell of it (Django's documentation of
            # `atomic`: do not catch database errors inside of it).
            row.save(**options)
    except IntegrityError:
        raise name_taken(row.name, noun) from None
    return row


def create(
    model: type[ThemeOrRule], dataset: Dataset, *, user: User, values: Mapping[str, Any]
) -> ThemeOrRule:
    """A new row of a dataset; ConflictError when its name is taken in any case."""
    noun, word = NOUNS[model]
    with transaction.atomic():
        # Two who take one name at once wait for each other here, so that the second is told of the first's
        # row and not only by the constraint, which compares names by the database's own lower case.
        hold(dataset, "dataset")
        if model.objects.filter(dataset=dataset).named(values["name"]).exists():
            raise name_taken(values["name"], noun)
        row = saved(model(dataset=dataset, created_by=user, **values), noun)
        audit.record(user=user, action=f"{word}.created", object=row.url, detail={"name": row.name})
        data = {word: row.pk, "dataset": dataset.pk, "name": row.name}
        events.record(f"{word}.created", owner=dataset.owner, data=data)
    return row


def update(row: ThemeOrRule, *, user: User, values: Mapping[str, Any]) -> ThemeOrRule:
    """Change a row of a dataset; ConflictError when its new name is taken in any case."""
    noun, word = NOUNS[type(row)]
    with transaction.atomic():
        hold(row, noun)
        if "name" in values:
            others = type(row).objects.filter(dataset=row.dataset).exclude(pk=row.pk)
            if others.named(values["name"]).exists():
                raise name_taken(values["name"], noun)
        for field, value in values.items():
            setattr(row, field, value)
        saved(row, noun, update_fields=[*values, "updated_at"])
        audit.record(user=user, action=f"{word}.updated", object=row.url, detail={"fields": sorted(values)})
        data = {word: row.pk, "dataset": row.dataset_id, "name": row.name}
        events.record(f"{word}.updated", owner=row.dataset.owner, data=data)
    return row


def delete(row: ThemeOrRule, *, user: User) -> None:
    """Delete a row of a dataset."""
    noun, word = NOUNS[type(row)]
    with transaction.atomic():
        hold(row, noun)
        audit.record(user=user, action=f"{word}.deleted", object=row.url, detail={"name": row.name})
        data = {word: row.pk, "dataset": row.dataset_id, "name": row.name}
        row.delete()
        events.record(f"{word}.deleted", owner=row.dataset.owner, data=data)
