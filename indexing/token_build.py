"""The worker's side of token indexes: built from the texts of a version's samples, and published with the end of the job."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from indexing import tokenizers
from indexing.build import about, criteria_of, find, publish
from indexing.index_models import Index
from indexing.reading import TOKENS_BIN, TOKENS_PLACES
from themis_admin.datasets import artifacts
from themis_admin.datasets.kept import kept_files
from themis_admin.datasets.models import Version
from themis_admin.datasets.space import free_bytes
from themis_admin.jobs.runner import RunningJob
from themisdb_datasets.criteria import Criteria
from themisdb_datasets.errors import TooLargeError
from themisdb_datasets.filters import parse_filter
from themisdb_datasets.mapping import parse_value
from themisdb_datasets.packing import Packing, build_tokens
from themisdb_datasets.shard import describe_file
from themisdb_datasets.tokens import LOCATIONS
from themisdb_datasets.version import OpenVersion

STEM = "samples"  # as data-forager calls what it makes of samples.jsonl
MAX_THEMES = 100  # whose tokens are counted with those of the whole version
LOOK_EVERY = 100_000  # samples between two looks at the free space


def build_token_index(job: RunningJob, pk: int) -> None:
    """Build a token index of a version, or of what a theme keeps of it."""
    row = find(pk)
    Index.objects.filter(pk=pk).update(job_id=job.id)
    version, params = row.version, row.params
    assert version is not None  # no token index is of a file
    opened = version.open()
    criteria = criteria_of(row)
    positions: Any = range(opened.num_samples)
    if criteria is not None:
        positions = kept_files().get(opened, version.digest, criteria).positions
    packing = Packing(
        parse_value(params["text_field"]), params["sample_size"], params["eos_token"], params["dtype"]
    )
    folder = job.workdir / "tokens"
    manifest = build_tokens(
        opened,
        positions,
        packing,
        tokenizers.load(params["tokenizer_sha256"]),
        folder,
        stem=STEM,
        report=_Progress(job, len(positions)),
        # Tokens of themes can only be counted where all samples pass by.
        themes=_themes(version, opened) if criteria is None else None,
    )
    samples = folder / manifest["samples"]
    manifest = {**manifest, "index": row.pk, **about(row), "num_bytes": samples.stat().st_size}
    # By its digest, not by the tokenizer's row, which may have been deleted: the index keeps the file.
    tokenizer = artifacts.store().path(artifacts.FILES, params["tokenizer_sha256"])
    manifest["files"][tokenizers.FILE_NAME] = describe_file(tokenizer)
    publish(job, row, manifest, {TOKENS_BIN: samples, TOKENS_PLACES: folder / LOCATIONS})


@dataclass
class _Progress:
    """Passes the samples done on to the job, and stops the work before it fills the disk."""

    job: RunningJob
    total: int
    looked_at: int = 0

    def __call__(self, done: int) -> None:
        self.job.report(done, self.total, unit="samples")
        if done >= self.looked_at + LOOK_EVERY:
            self.looked_at = done
            free = free_bytes(Path(settings.THEMIS.work_dir))
            if free < settings.THEMIS.min_free_bytes:
                message = f"The disk is nearly full ({free // 1_000_000:,} MB left); nothing was kept."
                raise TooLargeError(message, code="no_space")


def _themes(version: Version, opened: OpenVersion) -> dict[str, "np.ndarray[Any, Any]"]:
    """The positions of each theme of the dataset, whose tokens are counted on the way."""
    found = {}
    for theme in version.dataset.themes.order_by("pk")[:MAX_THEMES]:
        criteria = Criteria((parse_filter(theme.where),))
        found[theme.name] = kept_files().get(opened, version.digest, criteria).positions
    return found
