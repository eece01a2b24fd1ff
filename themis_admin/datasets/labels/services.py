"""What a version is called by: its number, its digest, `latest`, or a label that somebody gave to it."""

import re
from typing import Any

from django.db import IntegrityError, transaction

from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.datasets.cleaning import clean_text
from themis_admin.datasets.models import MAX_LABEL, Dataset, Version, VersionLabel
from themis_admin.datasets.rows import hold
from themis_admin.jobs import events
from themisdb_datasets.errors import ConflictError, ImpossibleError, MalformedError, NotFoundError
from themisdb_datasets.names import nearest

LATEST = "latest"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*", re.ASCII)


def find_version(dataset: Dataset, name: str | int, *, field: str = "version") -> Version:
    """The version of a dataset that is called so. ImpossibleError before there is one, NotFoundError."""
    text = str(name)
    if text.casefold() == LATEST:
        if dataset.latest is None:
            raise ImpossibleError.at(
                field,
                "The dataset {dataset!r} has no version yet; upload samples first.",
                code="no_version",
                dataset=dataset.name,
            )
        return dataset.latest
    versions = dataset.versions.select_related("dataset", "created_by")
    # A label begins with a letter, and a digest is longer than any label, so the three never mean each other.
    # Nine digits fit the column; a longer number is no version and must not overflow the query.
    if text.isascii() and text.isdigit() and len(text) < 10:
        found = versions.filter(number=int(text)).first()
    elif len(text) > MAX_LABEL:
        found = versions.filter(digest=text.lower()).first()  # the newest, where several are equal
    else:
        found = versions.filter(labels__name__iexact=text).first()
    if found is None:
        labels = list(dataset.labels.values_list("name", flat=True)[:1000])
        newest = f"; the newest is {dataset.latest.number}" if dataset.latest else ""
        raise NotFoundError.at(
            field,
            "The dataset {dataset!r} has no version {text!r}{hint}.",
            code="unknown_version",
            dataset=dataset.name,
            text=text,
            hint=nearest(text, labels) or newest,
        )
    return found


def find_label(dataset: Dataset, name: str) -> VersionLabel:
    """The label of this name in any case. NotFoundError."""
    found = dataset.labels.select_related("version", "created_by").filter(name__iexact=name).first()
    if found is None:
        known = list(dataset.labels.values_list("name", flat=True)[:1000])
        raise NotFoundError.at(
            "name",
            "The dataset {dataset!r} has no label {name!r}{hint}.",
            dataset=dataset.name,
            name=name,
            hint=nearest(name, known),
        )
    return found


def put_label(dataset: Dataset, *, user: User, name: Any, version: str | int) -> tuple[VersionLabel, bool]:
    """Give a version of the dataset a label, taking it from the one that had it; and whether the label is new."""
    text = clean_label(name)
    with transaction.atomic():
        hold(dataset, "dataset")
        target = find_version(dataset, version)
        label = dataset.labels.select_related("version").filter(name__iexact=text).first()
        before = label.version if label is not None else None
        if label is None:
            label = VersionLabel(dataset=dataset, name=text, created_by=user)
        label.version = target
        try:
            with transaction.atomic():
                label.save()
        except IntegrityError:  # of two new ones at once, on a database whose rows are not held
            raise ConflictError(f"The label {text!r} was given meanwhile; look again.") from None
        _tell(label, "label.put", user=user, before=before)
    return label, before is None


def remove_label(label: VersionLabel, *, user: User) -> None:
    """Take a label away; the version stays."""
    with transaction.atomic():
        hold(label.dataset, "dataset")
        _tell(label, "label.removed", user=user, before=label.version)
        label.delete()


def clean_label(value: Any) -> str:
    """A label that cannot be confused with a number, a digest or `latest`. MalformedError."""
    text = clean_text(value, field="name", max_length=MAX_LABEL)
    if not NAME.fullmatch(text):
        raise MalformedError.at(
            "name", 'A label begins with a letter and goes on with letters, digits, ".", "_" and "-".'
        )
    if text.casefold() == LATEST:
        raise MalformedError.at(
            "name", '"{name}" is always the newest version; choose another label.', name=LATEST
        )
    return text


def _tell(label: VersionLabel, action: str, *, user: User, before: Version | None) -> None:
    dataset = label.dataset
    detail = {
        "label": label.name,
        "version": label.version_id,
        "number": label.version.number,
        "number_before": before.number if before is not None else None,
    }
    audit.record(user=user, action=action, object=dataset.url, detail=detail)
    events.record(action, owner=dataset.owner, data={"dataset": dataset.pk, **detail})
