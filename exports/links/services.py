"""Links: making and revoking them, and what a token opens."""

import base64
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from exports.models import MANIFEST, FileExport, Link, LinkUse
from themis_admin.accounts import audit
from themis_admin.accounts.models import User
from themis_admin.artifacts.models import Artifact, ArtifactRef
from themis_admin.jobs import events
from themis_admin.jobs.models import OwnedQuerySet
from themis_admin.web.byteranges import AnsweredRange
from themis_admin.web.downloads import Immutable
from themisdb_datasets.errors import ConflictError, ImpossibleError, NotFoundError

# 12 random bytes and 24 of their signature: both multiples of three, so that no bit of the text is without a meaning.
KEY_BYTES, SIGNATURE_BYTES = 12, 24
KEY_LENGTH = 16
TOKEN = re.compile(r"[A-Za-z0-9_-]{48}")
# With a salt of its own, so that no other signature of this installation's key is a token.
SALT = "themis.link"
USUAL = timedelta(days=7)
LONGEST = timedelta(days=366)
MAX_NOTE = 500


def token_of(link: Link) -> str:
    """The token that opens a link: its key, signed with the installation's secret."""
    return link.key + _signature(link.key)


def path_of(link: Link) -> str:
    """The address of a link on this server."""
    return f"/d/{token_of(link)}"


def _signature(key: str) -> str:
    mac = salted_hmac(SALT, key, algorithm="sha256").digest()[:SIGNATURE_BYTES]
    return base64.urlsafe_b64encode(mac).decode()


def find(token: str) -> Link | None:
    """The link that a token opens now; None for a forged, altered, expired or revoked one alike."""
    if not TOKEN.fullmatch(token):
        return None
    # The database holds the keys, and only the secret makes tokens of them: whoever reads a backup opens no
    # link. The row is looked for whether or not the signature is right, and the answer to all failures is
    # one, so that neither time nor text tells which keys exist.
    key, signature = token[:KEY_LENGTH], token[KEY_LENGTH:]
    genuine = constant_time_compare(signature, _signature(key))
    link: Link | None = (
        Link.objects.live().select_related("owner", "export", "artifact").filter(key=key).first()
    )
    return link if genuine else None


@dataclass(frozen=True)
class LinkedFile:
    """One of the files that a link leads to."""

    name: str
    artifact: Artifact

    @property
    def immutable(self) -> Immutable:
        """The file as it is served."""
        kept = self.artifact
        return Immutable(self.name, kept.content_type, kept.digest, kept.num_bytes, kept.path)


def files(link: Link) -> list[LinkedFile]:
    """What a link leads to: an export's files with the manifest last, or one artifact while its owner may see it."""
    if link.export is not None:
        refs = list(link.export.refs())
    elif link.artifact is not None:
        # As far as its owner may see it now: a link gives no more than who made it has.
        refs = list(refs_seen(link.artifact, link.owner)[:1])
    else:
        refs = []
    return [LinkedFile(ref.name, ref.artifact) for ref in refs]


def refs_seen(artifact: Artifact, user: User) -> OwnedQuerySet:
    """Who keeps an artifact, as far as the user may know."""
    rows = ArtifactRef.objects.visible_to(user).filter(artifact=artifact)
    return rows.select_related("artifact", "owner").order_by("id")


def data_files(found: Sequence[LinkedFile]) -> list[LinkedFile]:
    """Those that hold samples."""
    return [file for file in found if file.name != MANIFEST]


def create_link(
    *,
    user: User,
    export: FileExport | None = None,
    artifact: Artifact | None = None,
    expires_in: int | None = None,
    max_downloads: int | None = None,
    note: str = "",
) -> Link:
    """A new link to a finished export or to an artifact, one of them; `expires_in` is in seconds."""
    if export is not None and export.manifest is None:
        raise ConflictError.at(
            "export",
            "The export has no files yet: it is {state}.",
            code="export_unfinished",
            state=export.state,
        )
    lasts = USUAL if expires_in is None else timedelta(seconds=expires_in)
    if lasts > LONGEST:
        raise ImpossibleError.at(
            "expires_in", "A link lasts {days} days at most.", code="expires_too_late", days=LONGEST.days
        )
    title = export.title if export is not None else _name(artifact, user)
    with transaction.atomic():
        link = Link.objects.create(
            key=secrets.token_urlsafe(KEY_BYTES),
            owner=user,
            export=export,
            artifact=artifact,
            title=title[:500],
            note=note.strip()[:MAX_NOTE],
            max_downloads=max_downloads,
            expires_at=timezone.now() + lasts,
        )
        detail = {
            "export": link.export_id,
            "artifact": link.artifact_id,
            "max_downloads": max_downloads,
            "expires_at": link.expires_at.isoformat(),
        }
        audit.record(user=user, action="link.created", object=link.url, detail=detail)
        events.record("link.created", owner=user, data={"link": link.pk, "title": link.title})
    return link


def _name(artifact: Artifact | None, user: User) -> str:
    ref: ArtifactRef | None = refs_seen(artifact, user).first() if artifact is not None else None
    if ref is None:
        raise NotFoundError(
            "Nobody keeps this file any more.", fields={"artifact": "Nobody keeps it any more."}
        )
    return ref.name


def revoke_link(link: Link, *, user: User) -> None:
    """End a link at once; it stays in the list, so that what it was for can still be told."""
    with transaction.atomic():
        # The condition is part of the update, so that of two who revoke it one is recorded as having done so.
        if not Link.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now()):
            raise ConflictError("This link is revoked already.", code="link_revoked")
        audit.record(user=user, action="link.revoked", object=link.url)
        events.record("link.revoked", owner=link.owner, data={"link": link.pk, "title": link.title})


def count(link: Link, file: LinkedFile, part: AnsweredRange, *, address: str | None) -> LinkUse | None:
    """Count a download of one of the link's files, with its line in the audit log; None where the limit is reached."""
    # Outside of the transaction: of two first downloads at once one makes the row, and both count in it.
    use, _ = LinkUse.objects.get_or_create(link=link, artifact=file.artifact)
    size, most, num_bytes = file.artifact.num_bytes, link.max_downloads, part.num_bytes
    with transaction.atomic():
        # A download that broke off goes on with a range; it is the same download, and must neither count as
        # another nor be a way to fetch the file without counting.
        if part.start:
            allowed = use.resume(num_bytes, size=size, most=most)
        else:
            allowed = use.begin(num_bytes, address=address, size=size, most=most)
        if not allowed:
            return None
        detail = {"file": file.name, "start": part.start, "num_bytes": num_bytes}
        audit.record(user=None, action="link.used", object=link.url, detail=detail)
        if not part.start:
            events.record("link.used", owner=link.owner, data={"link": link.pk, "title": link.title})
    return use
