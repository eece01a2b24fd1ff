"""Rows with names: held while they change, and saved under a name that nobody else has."""

from typing import Any, TypeVar

from django.db import IntegrityError, transaction

from themis_admin.datasets.models import Dataset, Theme, WeightingRule
from themisdb_datasets.errors import ConflictError, NotFoundError

Row = TypeVar("Row", Dataset, Theme, WeightingRule)


def name_taken(name: str, noun: str) -> ConflictError:
    """Somebody else has the name."""
    message = f"There is already a {noun} named “{name}”."
    return ConflictError(message, code="name_taken", fields={"name": message})


def hold(row: Row, noun: str) -> None:
    """Keep a row from being changed or deleted by others until the transaction ends."""
    if not type(row).objects.select_for_update().filter(pk=row.pk).exists():
        raise NotFoundError(f"The {noun} was deleted meanwhile.")


def saved(row: Row, noun: str, **options: Any) -> Row:
    """Save a row; the database has the last word on a name that two requests take at once."""
    try:
        with transaction.atomic():
            row.save(**options)
    except IntegrityError:
        raise name_taken(row.name, noun) from None
    return row
