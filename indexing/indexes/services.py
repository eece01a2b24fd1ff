"""What people do with indexes: have one of offsets or of tokens built, and remove it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from indexing.models import TOKENS, Index, Tokenizer
from indexing.tokenizers import services as tokenizers
from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.artifacts import services as artifacts
from themis_admin.artifacts.models import Artifact, ArtifactRef
from themis_admin.datasets import cleaning
from themis_admin.datasets.models import Theme, Version
from themis_admin.jobs import events
from themis_admin.jobs import services as jobs
from themis_admin.jobs.models import Job
from themis_admin.storage.space import check_room
from themis_admin.storage.stores import FILES
from themisdb_datasets.engine.indexes.packing import Dtype, Packing
from themisdb_datasets.engine.query.mapping import MappedValue, parse_value
from themisdb_datasets.errors import ConflictError, GoneError, ImpossibleError, MalformedError, NotFoundError
from themisdb_datasets.names import nearest

LINES = ".jsonl"


def start_index(
    version: Version,
    *,
    user: User,
    kind: str,
    theme: Theme | None = None,
    params: dict[str, Any] | None = None,
    held_artifacts: Mapping[str, Artifact] | None = None,
) -> Job:
    """Queue the job that builds an index over a version, or over what a theme keeps of it as its filter is now.

    `kept` are published files that the index keeps from now on, by name.
    """
    if theme is not None and theme.dataset_id != version.dataset_id:
        raise ImpossibleError.at(
            "theme",
            "The theme is of another dataset than the version; choose one of the same.",
            code="different_datasets",
        )
    index = Index(
        kind=kind,
        owner=version.dataset.owner,
        dataset=version.dataset,
        version=version,
        theme=theme,
        theme_name=theme.name if theme is not None else "",
        where=theme.where if theme is not None else None,
        params=params or {},
    )
    title = f"Index of {version.dataset.name}: {index.title}"
    return _start(index, user=user, title=title, held_artifacts=held_artifacts or {})


def start_file_index(ref: ArtifactRef, *, user: User, kind: str) -> Job:
    """Queue the job that builds an index over the lines of a published file, which the index keeps from then on."""
    if not ref.name.endswith(LINES):
        raise ImpossibleError.at(
            "artifact",
            "{name} is no plain {ending} file, whose lines have places; export it as jsonl.",
            code="no_lines",
            name=ref.name,
            ending=LINES,
        )
    index = Index(kind=kind, owner=ref.owner, artifact=ref.artifact, file_name=ref.name)
    return _start(index, user=user, title=f"Index of {ref.name}", held_artifacts={ref.name: ref.artifact})


def _start(index: Index, *, user: User, title: str, held_artifacts: Mapping[str, Artifact]) -> Job:
    with transaction.atomic():
        # First, for its number is in the name under which it keeps files and in its job's lane.
        index.save()
        for name, artifact in held_artifacts.items():
            ArtifactRef.objects.create(artifact=artifact, owner=index.owner, keeper=index.keeper, name=name)
        params = {"index": index.pk}
        job = jobs.submit(f"index-{index.kind}", owner=user, title=title, params=params, lane=index.keeper)
        Index.objects.filter(pk=index.pk).update(job=job)
        detail = {"kind": index.kind, "title": index.title, "job": job.pk}
        audit.record(user=user, action="index.created", object=index.url, detail=detail)
    return job


def remove_index(index: Index, *, user: User) -> None:
    """Remove an index with its files; ConflictError while its job goes on. A job then frees their space."""
    with transaction.atomic():
        row = Index.objects.select_for_update(of=("self",)).filter(pk=index.pk).first()
        if row is None:
            raise NotFoundError("The index is gone already.")
        if row.busy:
            message = "A job builds the index; cancel that first."
            raise ConflictError(message, code="index_busy", fields={"job": row.job_id})
        artifacts.release(row.keeper)
        detail = {"kind": row.kind, "title": row.title}
        audit.record(user=user, action="index.removed", object=row.url, detail=detail)
        events.record("index.removed", owner=row.owner, data={"index": row.pk, **detail})
        row.delete()
        title = "Free the space of a removed index"
        jobs.submit("collect", owner=user, title=title, params={}, lane="collect")


@dataclass(frozen=True)
class Wanted:
    """What the index shall be made of; what is empty or None is chosen: by the dataset's mapping, or the tokenizer."""

    tokenizer: Tokenizer
    text_field: str = ""
    sample_size: int | None = None
    eos_token: str = ""
    dtype: Dtype | None = None


def start_token_index(version: Version, wanted: Wanted, *, user: User, theme: Theme | None = None) -> Job:
    """Queue the job that builds a token index; all that its tokenizer cannot do is refused now."""
    text = _text(version, wanted.text_field)
    loaded = tokenizers.load(wanted.tokenizer.digest)
    packing = Packing(text, wanted.sample_size, wanted.eos_token or None, wanted.dtype)
    # An end token that the tokenizer does not have, or a vocabulary that does not fit the numbers, is told
    # now, while somebody waits for the answer, and not by a job that fails.
    checked = packing.checked(loaded)
    check_room(version.num_bytes, folder=Path(settings.THEMIS.storage), what="This index")
    params = {
        "tokenizer": wanted.tokenizer.pk,
        "tokenizer_name": wanted.tokenizer.name,
        "tokenizer_sha256": loaded.digest,
        "text_field": text.source,
        "sample_size": packing.sample_size,
        "eos_token": checked.eos_token,
        "dtype": checked.dtype,
    }
    file = Artifact.objects.filter(kind=FILES, digest=loaded.digest).first()
    if file is None:
        raise GoneError("The tokenizer was deleted meanwhile.")
    return start_index(
        version,
        user=user,
        kind=TOKENS,
        theme=theme,
        params=params,
        held_artifacts={tokenizers.FILE_NAME: file},
    )


def _text(version: Version, source: str) -> MappedValue:
    """The mapped text, by default the one of the dataset's mapping. Fields that no sample has are refused."""
    source = source or version.dataset.field_mapping.get("text_field", "")
    if not source:
        raise MalformedError.at(
            "text_field", "Name the field that holds the text, or a template such as {title}: {text}."
        )
    value = parse_value(cleaning.clean_text(source, field="text_field"), place="text_field")
    known = cleaning.known_fields(version)
    for name in value.fields if known is not None else ():
        if name not in (known or ()):
            raise ImpossibleError.at(
                "text_field",
                "No sample of the version has a field {name!r}{hint}.",
                code="unknown_field",
                name=name,
                hint=nearest(name, known or ()),
            )
    return value
