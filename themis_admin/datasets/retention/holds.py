"""What keeps versions from being removed: it is asked of all that points at versions, whichever app that is in."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db import models

from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs.models import UNENDED, Job


class Hold(NamedTuple):
    """Something that needs a version, and, where `later_too`, all that follow it."""

    number: int
    kind: str
    text: str
    later_too: bool = False


def holds(dataset: Dataset, *, besides: int | None = None) -> Iterator[Hold]:
    """All that keeps versions of this dataset; `besides` is the job that asks.

    What a model protects is kept, a label or a snapshot for example. A model that lets go of removed versions but needs
    some of them says which by a class method `holds_of(dataset)`.
    """
    if dataset.latest is not None:
        yield Hold(dataset.latest.number, "latest", "it is the latest version")
    # Found by asking the models, so that an app above this one is heard without
    # being named here. `include_hidden` is for foreign keys with related_name="+",
    # which have no accessor and are not among the fields otherwise.
    for relation in Version._meta.get_fields(include_hidden=True):
        if not isinstance(relation, models.ManyToOneRel):
            continue
        model: Any = relation.related_model
        if relation.on_delete in (models.PROTECT, models.RESTRICT):
            field = relation.field.name
            rows = model._default_manager.filter(**{f"{field}__dataset": dataset}).order_by("pk")
            kind = str(model._meta.verbose_name)
            for row in rows.select_related(field).iterator():
                yield Hold(getattr(row, field).number, kind, f"{kind} {row}")
        elif hasattr(model, "holds_of"):
            yield from model.holds_of(dataset)
    yield from _jobs(dataset, besides)


def _jobs(dataset: Dataset, besides: int | None) -> Iterator[Hold]:
    """The jobs under way that are about a version."""
    under_way = Job.objects.filter(state__in=UNENDED).exclude(pk=besides).order_by("pk")
    # A job holds no foreign key to what it is about, only a
    # number in its params, where no database would protect it.
    about = [(job, job.params.get("version")) for job in under_way.iterator()]
    about = [(job, pk) for job, pk in about if isinstance(pk, int)]
    numbers = dict(dataset.versions.filter(pk__in={pk for _, pk in about}).values_list("pk", "number"))
    for job, pk in about:
        if pk in numbers:
            yield Hold(numbers[pk], "job", f"job {job.pk} is {job.state}: {job.title}")
