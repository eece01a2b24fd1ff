"""What people do with snapshots: make one, have it verified, find the newest of a series, remove one."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.artifacts import services as artifacts
from themis_admin.datasets import rows
from themis_admin.datasets.models import Dataset, Theme, Version, WeightingRule
from themis_admin.jobs import events
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import UNENDED, Job
from themis_admin.snapshots import archive
from themis_admin.snapshots.models import Snapshot
from themis_admin.web.downloads import Immutable
from themisdb_datasets.engine.query.expressions import MAX_MADE
from themisdb_datasets.engine.snapshots.archive import SERIES
from themisdb_datasets.engine.snapshots.snapshot import DATABASE, FILES
from themisdb_datasets.engine.weights.rules import MAX_RULES, parse_rule
from themisdb_datasets.errors import ConflictError, ImpossibleError, MalformedError, NotFoundError

MAX_SERIES = 63
MAX_KEPT = 10_000
ALL = "all"


def start_snapshot(
    version: Version,
    *,
    user: User,
    theme: Theme | None = None,
    rules: Sequence[WeightingRule] = (),
    series: str = "",
    keep_last: int | None = None,
) -> Job:
    """Queue the job that freezes a version, or what a theme keeps of it, with the weights that some rules give.

    The filter and the rules are taken as they are now. With `keep_last` older snapshots of the series are removed when
    this one is published.
    """
    if theme is not None and theme.dataset_id != version.dataset_id:
        raise _elsewhere("theme", "The theme")
    # The rules are copied, not named: a snapshot has to say for
    # good by what it was weighted, whatever becomes of the rules.
    frozen = _pinned(version, rules)
    _check_kept(keep_last)
    with transaction.atomic():
        _hold(version, theme)
        snapshot = Snapshot.objects.create(
            dataset=version.dataset,
            version=version,
            theme=theme,
            theme_name=theme.name if theme is not None else "",
            where=theme.where if theme is not None else None,
            rules=frozen,
            as_of=version.as_of,
            series=clean_series(series) if series else _usual_series(version.dataset, theme, rules),
            keep_last=keep_last,
            created_by=user,
        )
        job = jobs.submit(
            "snapshot",
            owner=user,
            title=f"Snapshot of {version.dataset.name}: {snapshot.title}",
            params={"snapshot": snapshot.pk},
            # One after the other within a series, so that the newest of
            # it is published last; series do not wait for each other.
            lane=f"snapshots:{version.dataset_id}:{snapshot.series}",
        )
        Snapshot.objects.filter(pk=snapshot.pk).update(job=job)
        detail = {
            "version": version.pk,
            "theme": snapshot.theme_name,
            "series": snapshot.series,
            "job": job.pk,
        }
        audit.record(user=user, action="snapshot.created", object=snapshot.url, detail=detail)
    return job


def _hold(version: Version, theme: Theme | None) -> None:
    """Keep what a snapshot names from being deleted until its row is there."""
    if not Version.objects.select_for_update().filter(pk=version.pk).exists():
        raise NotFoundError.at("version", "The version was deleted meanwhile.")
    if theme is not None:
        rows.hold(theme, "theme")


def _pinned(version: Version, rules: Sequence[WeightingRule]) -> list[list[Any]]:
    """The rules' names and texts, with the moment that ages are counted from: the version's creation."""
    if len(rules) > MAX_RULES:
        raise MalformedError.at(
            "weighting_rules",
            "A snapshot has {most} rules at most, these are {count}.",
            most=MAX_RULES,
            count=len(rules),
        )
    if any(rule.dataset_id != version.dataset_id for rule in rules):
        raise _elsewhere("weighting_rules", "A rule")
    parsed = [(rule.name, parse_rule(rule.definition)) for rule in rules]
    if len({name for name, _ in parsed}) < len(parsed):
        raise MalformedError.at("weighting_rules", "A rule is there twice; name each once.")
    if sum(rule.num_made for _, rule in parsed) > MAX_MADE:
        raise MalformedError.at(
            "weighting_rules",
            "The expressions of all rules together may make {most} texts of fields at most.",
            most=MAX_MADE,
        )
    as_of = version.as_of.timestamp()
    return [[name, rule.pinned(as_of).to_document()] for name, rule in parsed]


def clean_series(text: str) -> str:
    """The name of a series, which is part of addresses and paths."""
    if not SERIES.fullmatch(text):
        raise MalformedError.at(
            "series",
            "A series has up to {most} small letters, digits and hyphens, such as laerm-fresh.",
            most=MAX_SERIES,
        )
    return text


def _usual_series(dataset: Dataset, theme: Theme | None, rules: Sequence[WeightingRule]) -> str:
    """A series for each theme and weighting: their names, and where another theme has these, its number too."""
    words = [theme.name if theme is not None else ALL, *(rule.name for rule in rules)]
    # Twenty characters stay free for the hyphen and the number below, which may have nineteen digits.
    usual = slugify(" ".join(words))[: MAX_SERIES - 20].strip("-_").replace("_", "-") or ALL
    last = Snapshot.objects.filter(dataset=dataset, series=usual).order_by("-pk").first()
    if last is None or last.theme_id == (theme.pk if theme is not None else None):
        return usual
    return f"{usual}-{theme.pk if theme is not None else 0}"


def _check_kept(keep_last: int | None) -> None:
    if keep_last is not None and not 1 <= keep_last <= MAX_KEPT:
        raise MalformedError.at(
            "keep_last", "keep_last is from 1 to {most:,}, or null to keep all.", most=MAX_KEPT
        )


def start_verification(snapshot: Snapshot, *, user: User) -> Job:
    """Queue the job that compares a snapshot's files with their digests and with what its version gives."""
    if snapshot.published_at is None:
        message = f"The snapshot has no files yet: it is {snapshot.state}."
        raise ConflictError(message, code="snapshot_unfinished")
    with transaction.atomic():
        title = f"Verify the snapshot of {snapshot.dataset.name}: {snapshot.title}"
        params, lane = {"snapshot": snapshot.pk}, f"snapshot:{snapshot.pk}"
        job = jobs.submit("snapshot-verification", owner=user, title=title, params=params, lane=lane)
        audit.record(user=user, action="snapshot.verification", object=snapshot.url, detail={"job": job.pk})
    return job


def current(dataset: Dataset, series: str) -> Snapshot:
    """The newest published snapshot of a series."""
    found = Snapshot.objects.for_lists().published().filter(dataset=dataset, series=series).first()
    if found is None:
        raise NotFoundError(f"The dataset has no published snapshot of the series {series!r}.")
    return found


def file_name(snapshot: Snapshot) -> str:
    """What the one file is called where it is downloaded."""
    name = slugify(f"{snapshot.dataset.name} {snapshot.series} v{snapshot.version.number}")
    return f"{name}.duckdb"


def database(snapshot: Snapshot) -> Immutable:
    """The snapshot as one file. ConflictError before it is there."""
    ref = snapshot.refs().filter(name=DATABASE).first()
    if ref is None:
        message = f"The snapshot has no files yet: it is {snapshot.state}."
        raise ConflictError(message, code="snapshot_unfinished")
    kept = ref.artifact
    if not kept.path.is_file():
        raise NotFoundError("The file is not in the storage any more.")
    return Immutable(file_name(snapshot), FILES[DATABASE], kept.digest, kept.num_bytes, kept.path)


def remove_snapshot(snapshot: Snapshot, *, user: User) -> int:
    """Remove a snapshot with its files; ConflictError while its job goes on. Answers the bytes that nobody keeps any more."""
    with transaction.atomic():
        row = Snapshot.objects.select_for_update(of=("self",)).filter(pk=snapshot.pk).first()
        if row is None:
            raise NotFoundError("The snapshot is gone already.")
        if row.busy or Job.objects.filter(lane=f"snapshot:{row.pk}", state__in=UNENDED).exists():
            message = "A job works on the snapshot; cancel that first."
            raise ConflictError(message, code="snapshot_busy", fields={"job": row.job_id})
        return drop(row, user=user, reason="removed")


def drop(row: Snapshot, *, user: User | None, reason: str) -> int:
    """Let go of a snapshot's files and delete its row; in a transaction. Its folder stays for its readers."""
    dataset, series, folder, owner = row.dataset_id, row.series, row.folder, row.owner
    freed = artifacts.release(row.keeper)
    detail = {"title": row.title, "series": series, "reason": reason}
    audit.record(user=user, action="snapshot.removed", object=row.url, detail=detail)
    data = {"snapshot": row.pk, **detail}
    row.delete()
    # The folder stays where it is: a trainer may have its DuckDB file open. Its grace is counted from now.
    if folder:
        archive.archive().touch(dataset, folder)
    # The link is moved by what the database says after the commit. If it fails, the removal holds all the
    # same, and the sweeper's next round points anew.
    transaction.on_commit(partial(archive.point, dataset, series), robust=True)
    events.record("snapshot.removed", owner=owner, data=data)
    return freed


def collect(user: User) -> None:
    """Free the space of what was removed."""
    title = "Free the space of a removed snapshot"
    jobs.submit("collect", owner=user, title=title, params={}, lane="collect")


def _elsewhere(field: str, what: str) -> ImpossibleError:
    return ImpossibleError.at(
        field,
        "{what} is of another dataset than the version; choose those of one.",
        code="different_datasets",
        what=what,
    )
