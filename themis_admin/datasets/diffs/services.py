"""The difference of two versions of a dataset: computed when it is first asked for, kept, and read in pages."""

from dataclasses import dataclass
from functools import partial

import msgspec

from themis_admin.datasets.models import Version
from themis_admin.datasets.samples.services import MAX_PAGE_BYTES
from themis_admin.storage.stores import kept_files, limits
from themisdb_datasets.engine.versions import diff
from themisdb_datasets.engine.versions.diff import Diff
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import ImpossibleError, MalformedError
from themisdb_datasets.names import nearest

KINDS = ("added", "removed", "changed")
NO_LINE = b"null"


@dataclass(frozen=True)
class DiffSample:
    """A sample that differs, with its position and line in the version and in the other; None where it is not there."""

    position: int | None
    against_position: int | None
    fields: list[str]
    line: bytes | None
    against_line: bytes | None

    @property
    def num_bytes(self) -> int:
        return len(self.line or b"") + len(self.against_line or b"")

    def to_json(self) -> bytes:
        """Each line as it is spelled."""
        known = {
            "position": self.position,
            "against_position": self.against_position,
            "fields": self.fields,
        }
        head = msgspec.json.encode(known)[:-1]
        return b'%b,"sample":%b,"against":%b}' % (head, self.line or NO_LINE, self.against_line or NO_LINE)


@dataclass(frozen=True)
class DiffPage:
    """Samples that differ, how many there are in all, and where the next page begins."""

    samples: list[DiffSample]
    num_samples: int
    next_offset: int | None

    def results(self) -> bytes:
        return b"[" + b",".join(each.to_json() for each in self.samples) + b"]"


def between(version: Version, against: Version) -> Diff:
    """What `version` has and `against` does not, and the reverse, by the dataset's key field.

    ImpossibleError for versions of two datasets, whose keys have nothing to do with each other.
    """
    check_pair(version, against)
    key_field = version.dataset.key_field
    # By digests, so that restored and compacted versions,
    # which have the same samples, need no diff of their own.
    key = diff.diff_key(version.digest, against.digest, key_field=key_field)
    fill = partial(
        diff.fill, version=version.open(), against=against.open(), key_field=key_field, limits=limits()
    )
    return kept_files().entry(key, fill, Diff.open)


def check_pair(version: Version, against: Version) -> None:
    """ImpossibleError for versions of two datasets."""
    if version.dataset_id != against.dataset_id:
        raise ImpossibleError.at(
            "against",
            "The two versions are of different datasets; compare versions of one.",
            code="different_datasets",
        )


def page(
    version: Version, against: Version, *, kind: str, field: str = "", offset: int = 0, length: int = 100
) -> DiffPage:
    """A page of the samples that were added, removed or changed, in stored order; of the changed those with `field`."""
    found = between(version, against)
    if kind not in KINDS:
        raise MalformedError.at(
            "kind",
            "There is no kind {kind!r}{hint}; there are {known}.",
            kind=kind,
            hint=nearest(kind, KINDS),
            known=", ".join(KINDS),
        )
    if field and kind != "changed":
        raise MalformedError.at(
            "field", "Only changed samples are found by a field; ask for the kind changed."
        )
    if field and field not in found.names:
        raise MalformedError.at(
            "field",
            "The field {field!r} differs in no sample{hint}.",
            field=field,
            hint=nearest(field, found.names),
        )
    rows = found.rows(field) if field else range(getattr(found.counts, kind))
    shown: list[DiffSample] = []
    size = 0
    opened = version.open(), against.open()
    for row in rows[offset : offset + length]:
        each = _sample(found, opened, kind, int(row))
        size += each.num_bytes
        # The first one is shown however large it is, or the
        # reader would get an empty page and never come past it.
        if shown and size > MAX_PAGE_BYTES:
            break
        shown.append(each)
    stop = offset + len(shown)
    return DiffPage(shown, len(rows), stop if shown and stop < len(rows) else None)


def _sample(found: Diff, opened: tuple[OpenVersion, OpenVersion], kind: str, row: int) -> DiffSample:
    version, against = opened
    if kind == "added":
        position = int(found.added[row])
        return DiffSample(position, None, [], version.line(position), None)
    if kind == "removed":
        position = int(found.removed[row])
        return DiffSample(None, position, [], None, against.line(position))
    here, there = found.changed[row].tolist()
    return DiffSample(here, there, found.fields_of(row), version.line(here), against.line(there))
