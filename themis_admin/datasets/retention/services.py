"""Retention: old versions are removed by number and age, but none that is needed; a dry run says why each one stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Sum
from django.utils import timezone

from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Shard, Version, VersionShard
from themis_admin.datasets.retention.holds import Hold, holds
from themis_admin.datasets.rows import hold
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import UNENDED, Job
from themisdb_datasets.errors import ImpossibleError, MalformedError
from themisdb_datasets.names import nearest

KIND = "retain"
EVERY = timedelta(days=1)
MOST = {"keep_last": 1_000_000, "older_than_days": 36_500}


@dataclass(frozen=True)
class Policy:
    """A version may go where it is not among the newest `keep_last`, and is older than so many days."""

    keep_last: int | None = None
    older_than_days: int | None = None

    @classmethod
    def parse(cls, given: Any) -> "Policy":
        """What people write. MalformedError names the field."""
        if not isinstance(given, dict):
            raise MalformedError.at(
                "retention", 'A retention is an object such as {"keep_last": 10, "older_than_days": 30}.'
            )
        for name in given:
            if name not in MOST:
                raise MalformedError.at(
                    str(name),
                    "A retention has no {name!r}{hint}.",
                    name=name,
                    hint=nearest(str(name), list(MOST)),
                )
        values = {name: _whole(name, value) for name, value in given.items() if value is not None}
        if not values:
            raise MalformedError.at(
                "keep_last",
                "Say how many versions stay (keep_last), from which age on they go (older_than_days), or both.",
            )
        return cls(**values)

    @classmethod
    def of(cls, dataset: Dataset) -> "Policy | None":
        """The dataset's own, by which it is tidied every day."""
        return cls(**dataset.retention) if dataset.retention else None

    def to_dict(self) -> dict[str, int | None]:
        return {"keep_last": self.keep_last, "older_than_days": self.older_than_days}

    def reason(self, version: Version, place: int, now: datetime) -> Hold | None:
        """Why the policy leaves a version, which is so many-th from the newest, counted from 0; None where it does not."""
        if self.keep_last is not None and place < self.keep_last:
            newest = "the newest" if self.keep_last == 1 else f"among the newest {self.keep_last:,}"
            return Hold(version.number, "keep_last", f"it is {newest}")
        days = self.older_than_days
        if days is not None and version.created_at > now - timedelta(days=days):
            return Hold(
                version.number, "older_than_days", f"it is not older than {days:,} day{'s' * (days != 1)}"
            )
        return None


@dataclass(frozen=True)
class Fate:
    """A version and what keeps it; without any of that it goes."""

    version: Version
    reasons: tuple[Hold, ...]

    @property
    def goes(self) -> bool:
        return not self.reasons

    def to_dict(self) -> dict[str, Any]:
        version = self.version
        return {
            "version": version.pk,
            "number": version.number,
            "digest": version.digest,
            "num_samples": version.num_samples,
            "created_at": version.created_at.isoformat(),
            "removed": self.goes,
            "reasons": [{"kind": reason.kind, "text": reason.text} for reason in self.reasons],
        }


def plan(dataset: Dataset, policy: Policy, *, besides: int | None = None) -> list[Fate]:
    """What becomes of each version, the newest first."""
    now = timezone.now()
    needs = list(holds(dataset, besides=besides))
    single: dict[int, list[Hold]] = {}
    for need in needs:
        if not need.later_too:
            single.setdefault(need.number, []).append(need)
    # A continuous stream that stands at a version goes through
    # every later one, so what it needs is open at the end.
    spans = [need for need in needs if need.later_too]
    fates = []
    for place, version in enumerate(dataset.versions.defer("fields").order_by("-number")):
        reasons = [
            *single.get(version.number, ()),
            *(span for span in spans if version.number >= span.number),
        ]
        by_policy = policy.reason(version, place, now)
        # Many cursors of one kind give the same sentence; it is told once.
        fates.append(Fate(version, (*([by_policy] if by_policy else []), *dict.fromkeys(reasons))))
    return fates


def freed_bytes(going: Sequence[Version]) -> int:
    """The bytes of the shards that no other version has."""
    rows = VersionShard.objects.filter(shard=OuterRef("pk"))
    mine = [version.pk for version in going]
    # Versions share shards, also with other datasets: a shard goes only where every version that has it goes.
    alone = Shard.objects.filter(
        Exists(rows.filter(version__in=mine)), ~Exists(rows.exclude(version__in=mine))
    )
    return int(alone.aggregate(total=Sum("num_bytes"))["total"] or 0)


def start(dataset: Dataset, *, user: User, policy: Policy | None) -> Job:
    """Queue the job that removes what the policy, or the dataset's own, leaves to go."""
    policy = policy or Policy.of(dataset)
    if policy is None:
        raise ImpossibleError.at(
            "keep_last",
            "The dataset has no retention of its own; say keep_last, older_than_days, or both.",
            code="no_retention",
        )
    with transaction.atomic():
        job = jobs.submit(
            KIND,
            owner=user,
            title=f"Remove old versions of {dataset.name}",
            params={"dataset": dataset.pk, **policy.to_dict()},
            lane=dataset.lane,
        )
        detail = {"job": job.pk, **policy.to_dict()}
        audit.record(user=user, action="dataset.retention_started", object=dataset.url, detail=detail)
    return job


def set_policy(dataset: Dataset, policy: Policy | None, *, user: User) -> Dataset:
    """Give a dataset a retention of its own, by which it is tidied every day, or none."""
    with transaction.atomic():
        hold(dataset, "dataset")
        dataset.retention = policy.to_dict() if policy is not None else None
        dataset.save(update_fields=["retention", "updated_at"])
        detail = dataset.retention or {}
        audit.record(user=user, action="dataset.retention_set", object=dataset.url, detail=detail)
    return dataset


def tidy() -> None:
    """Once a day, remove what the datasets' own retentions leave to go."""
    for dataset in Dataset.objects.filter(retention__isnull=False).select_related("owner", "latest"):
        # The job itself is the note that today's tidying was
        # done, whichever process looks, and after a restart too.
        of_it = Job.objects.filter(kind=KIND, lane=dataset.lane)
        if (
            of_it.filter(created_at__gt=timezone.now() - EVERY).exists()
            or of_it.filter(state__in=UNENDED).exists()
        ):
            continue
        policy = Policy.of(dataset)
        # Looked at first, for a job a day that removes nothing would fill the list of jobs.
        if policy is not None and any(fate.goes for fate in plan(dataset, policy)):
            start(dataset, user=dataset.owner, policy=policy)


def _whole(name: str, value: Any) -> int:
    least = 1 if name == "keep_last" else 0
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST[name]:
        raise MalformedError.at(
            name, "This is a whole number from {least} to {most:,}.", least=least, most=MOST[name]
        )
    return value
