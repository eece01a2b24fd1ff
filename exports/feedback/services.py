"""What people and trainers do with feedback: tell losses, have them folded into difficulties, make a weighting of these."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from exports.models import FeedbackRun, FeedbackSender
from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.datasets import cleaning
from themis_admin.datasets.models import Dataset
from themis_admin.datasets.rules import services as rules
from themis_admin.jobs import events
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import UNENDED, Job
from themis_admin.storage.space import check_room
from themisdb_datasets.engine.weights.difficulty import RECORD, Adaption, RecordFile, check_adaption
from themisdb_datasets.errors import ConflictError, ImpossibleError, MalformedError, NotFoundError

MAX_RUNS = 10_000  # of a dataset
MAX_SENDERS = 10_000  # of a run


def open_run(dataset: Dataset, name: str, *, user: User) -> FeedbackRun:
    """The dataset's run of this name, made where there is none."""
    if run := dataset.runs.filter(name=name).first():
        return run
    if dataset.runs.count() >= MAX_RUNS:
        raise ConflictError.at(
            "run",
            "The dataset has {most:,} runs already; remove some of them.",
            code="too_many_runs",
            most=MAX_RUNS,
        )
    try:
        with transaction.atomic():
            run = FeedbackRun.objects.create(dataset=dataset, name=name, created_by=user)
            data = {"run": run.pk, "name": name, "dataset": dataset.pk}
            audit.record(user=user, action="feedback.begun", object=run.url, detail=data)
            events.record("feedback.begun", owner=dataset.owner, data=data)
    except IntegrityError:  # another process of the run was quicker
        return dataset.runs.get(name=name)
    return run


def open_sender(run: FeedbackRun, name: str) -> FeedbackSender:
    """The run's sender of this name, made where there is none."""
    if run.senders.count() >= MAX_SENDERS and not run.senders.filter(name=name).exists():
        raise ConflictError.at(
            "sender",
            "The run has {most:,} senders already; begin another run.",
            code="too_many_senders",
            most=MAX_SENDERS,
        )
    return FeedbackSender.objects.get_or_create(run=run, name=name)[0]


def append(sender: FeedbackSender, *, seq: int | None, records: bytes) -> int:
    """Write what a sender tells, once, however often it tells it; the last number of its that is applied.

    Without a number it is the sender's next, whoever else tells under its name.
    """
    check_room(len(records), folder=Path(settings.THEMIS.storage), what="This feedback")
    with transaction.atomic():
        # Two connections may tell under one name. The row's lock puts them one after the other, so that each
        # writes behind what the other has written.
        row = FeedbackSender.objects.select_for_update().filter(pk=sender.pk).select_related("run").first()
        if row is None:
            raise NotFoundError("The run was removed.", code="run_removed")
        seq = row.last_seq + 1 if seq is None else seq
        # Its sender did not hear the answer and tells it again;
        # it is answered as if it were new, and written once.
        if seq <= row.last_seq:
            return row.last_seq
        row.path.parent.mkdir(parents=True, exist_ok=True)
        # What was written without its row counting it is written over.
        file = os.open(row.path, os.O_WRONLY | os.O_CREAT, 0o640)
        try:
            os.pwrite(file, records, row.num_records * RECORD.itemsize)
            # On disk before the row counts it. A crash in between
            # leaves records that no row counts, which are written over.
            os.fdatasync(file)
        finally:
            os.close(file)
        row.last_seq = seq
        row.num_records += len(records) // RECORD.itemsize
        row.save(update_fields=["last_seq", "num_records"])
        FeedbackRun.objects.filter(pk=row.run_id).update(updated_at=timezone.now())
    return seq


def record_files(run: FeedbackRun) -> list[RecordFile]:
    """The files of all senders, with how much of each counts."""
    return [
        RecordFile(each.path, each.num_records)
        for each in run.senders.select_related("run")
        if each.num_records
    ]


def start_fold(run: FeedbackRun, *, user: User) -> Job:
    """Queue the job that folds what the run has told into one difficulty a sample."""
    _check_told(run)
    with transaction.atomic():
        title = f"Difficulty of samples by the run {run.name}"
        job = jobs.submit("difficulty", owner=user, title=title, params={"run": run.pk}, lane=run.keeper)
        FeedbackRun.objects.filter(pk=run.pk).update(job=job)
    return job


def start_weighting(
    run: FeedbackRun, *, user: User, name: Any, adaption: Adaption, missing: float = 1.0
) -> Job:
    """Queue the job that makes a weighting rule of kind `adaptive` of what the run has told so far."""
    _check_told(run)
    clean = cleaning.clean_name(name)
    rules.check_free(run.dataset, clean)
    try:
        check_adaption(adaption)
    except ValueError as error:
        place, _, reason = str(error).partition(": ")
        raise MalformedError.at(place, "{place}: {reason}.", place=place, reason=reason) from None
    if not 0 <= missing <= 1e6:
        raise MalformedError.at("missing", "missing: it is from 0 to a million.")
    params = {
        "run": run.pk,
        "name": clean,
        "strength": adaption.strength,
        "least": adaption.least,
        "most": adaption.most,
        "missing": missing,
    }
    with transaction.atomic():
        title = f"Weighting {clean} by the run {run.name}"
        job = jobs.submit("adapt", owner=user, title=title, params=params, lane=run.keeper)
        FeedbackRun.objects.filter(pk=run.pk).update(job=job)
        audit.record(user=user, action="feedback.weighting", object=run.url, detail={**params, "job": job.pk})
    return job


def _check_told(run: FeedbackRun) -> None:
    if not run.num_records:
        raise ImpossibleError.at("run", "The run has told nothing yet.", code="no_feedback")


def remove_run(run: FeedbackRun, *, user: User) -> None:
    """Remove a run with all it told; weightings that were made of it stay. ConflictError while a job works on it."""
    with transaction.atomic():
        row = FeedbackRun.objects.select_for_update().filter(pk=run.pk).first()
        if row is None:
            raise NotFoundError("The run is gone already.")
        if Job.objects.filter(lane=row.keeper, state__in=UNENDED).exists():
            raise ConflictError("A job works on the run; cancel that first.", code="run_busy")
        detail = {"name": row.name, "num_records": row.num_records}
        audit.record(user=user, action="feedback.removed", object=row.url, detail=detail)
        events.record("feedback.removed", owner=run.dataset.owner, data={"run": row.pk, **detail})
        row.release_files()
        row.delete()
        title = "Free the space of a removed run"
        jobs.submit("collect", owner=user, title=title, params={}, lane="collect")
