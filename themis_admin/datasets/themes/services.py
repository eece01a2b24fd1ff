"""Creating, changing and deleting themes."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from themis_admin.accounts.models import User
from themis_admin.datasets import cleaning, rows
from themis_admin.datasets.changes import subject_changed
from themis_admin.datasets.models import Dataset, Theme
from themis_admin.datasets.statistics import services as statistics


def create_theme(dataset: Dataset, *, user: User, name: Any, where: Any, description: Any = "") -> Theme:
    """Save a filter over the dataset under a name; ConflictError when the name is taken in any case."""
    values = _theme_values(dataset, {"name": name, "where": where, "description": description})
    with transaction.atomic():
        theme = rows.create(Theme, dataset, user=user, values=values)
        statistics.after_saving(theme)
        subject_changed(dataset)
    return theme


def update_theme(theme: Theme, *, user: User, **changes: Any) -> Theme:
    """Change a theme; streams that are already planned keep the filter they were planned with."""
    with transaction.atomic():
        changed = rows.update(theme, user=user, values=_theme_values(theme.dataset, changes))
        statistics.after_saving(changed)
        subject_changed(changed.dataset)
    return changed


def delete_theme(theme: Theme, *, user: User) -> None:
    """Delete a theme; the samples stay."""
    rows.delete(theme, user=user)


def _theme_values(dataset: Dataset, given: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field, value in given.items():
        if field == "name":
            values[field] = cleaning.clean_name(value)
        elif field == "description":
            values[field] = cleaning.clean_text(value, field=field)
        elif field == "where":
            values[field] = cleaning.clean_where(value, dataset)
        else:
            raise TypeError(f"a theme has no {field}")
    return values
