"""Opening a delivery for a user: a request or a cursor becomes a plan, its version and its selection."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from msgspec import UNSET

from exports.body import StreamBody
from exports.build import build_request
from exports.models import StoredPlan
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Version
from themis_admin.settings import Themis
from themisdb_datasets.duck import DuckLimits
from themisdb_datasets.errors import ConflictError
from themisdb_datasets.plan import Cursor, Delivery, Plan
from themisdb_datasets.selection import SelectionCache

PREVIEW_LINES = 3
# The bytes of a delivery are counted where it is small, and estimated from parts spread over it where it is not.
COUNTED = 20_000
PARTS, PART = 64, 250
BYTES_A_TOKEN = 4


@dataclass(frozen=True)
class Opened:
    """A delivery, and the part of it that a request gets: the positions in `window`, from base position `start` on."""

    delivery: Delivery
    version: Version
    start: int
    window: range
    title: str
    missing_fields: tuple[str, ...] = ()

    @property
    def cursor(self) -> Cursor:
        """Where this part starts, the same for all ranks."""
        return Cursor(self.delivery.plan.digest, self.start)

    @property
    def num_padded(self) -> int:
        """How many lines come from the epoch's begin again, so that all ranks have the same number: the last, or none."""
        return int(bool(self.window) and self.window[-1] >= self.delivery.num_samples)


def selections() -> SelectionCache:
    """The process's cache of selections, as the settings say."""
    return _selections(settings.THEMIS)


@lru_cache(maxsize=1)
def _selections(themis: Themis) -> SelectionCache:
    limits = DuckLimits(
        memory=themis.duck_memory, threads=themis.duck_threads, temp_directory=themis.work_dir
    )
    return SelectionCache(themis.selections_dir, max_bytes=themis.selections_max_bytes, limits=limits)


def open_request(body: StreamBody, user: User) -> Opened:
    """Open what a request asks for; a new plan is kept, so that its cursors can be resumed."""
    if body.cursor is not None:
        return _resume(body, Cursor.parse(body.cursor), user)
    request = build_request(body, user)
    delivery = open_delivery(request.plan, request.version)
    start = 0 if body.start is UNSET else body.start
    window = _window(delivery, start, body)
    if not body.dry_run:
        StoredPlan.keep(request.plan, version=request.version, title=request.title, user=user)
    return Opened(delivery, request.version, start, window, request.title, request.missing_fields)


def _resume(body: StreamBody, cursor: Cursor, user: User) -> Opened:
    stored = (
        StoredPlan.objects.visible_to(user)
        .select_related("version", "dataset")
        .filter(digest=cursor.plan)
        .first()
    )
    if stored is None:
        raise _stale("There is no plan of this cursor (any more); start the stream anew without it.")
    plan = Plan.from_document(stored.document)
    version = stored.version or stored.dataset.versions.filter(digest=plan.version).first()
    if version is None:
        raise _stale("The version that this cursor belongs to was removed; start the stream anew without it.")
    delivery = open_delivery(plan, version)
    window = _window(delivery, cursor.position, body)
    return Opened(delivery, version, cursor.position, window, stored.title)


def _window(delivery: Delivery, start: int, body: StreamBody) -> range:
    return delivery.window(
        start, body.limit, rank=body.rank, world_size=body.world_size, drop_last=body.drop_last
    )


def _stale(message: str) -> ConflictError:
    return ConflictError(message, code="stale_cursor", fields={"cursor": message})


def open_delivery(plan: Plan, version: Version) -> Delivery:
    """The plan on its version's files, with its selection built where it is not there yet."""
    opened = version.open()
    kept = [selections().get(opened, plan.version, criteria) for criteria in plan.selects]
    return Delivery(plan, opened, kept)


def describe(opened: Opened) -> dict[str, Any]:
    """What a dry run answers: counts, the first lines, missing fields, estimated bytes and tokens."""
    delivery, window = opened.delivery, opened.window
    lines: list[str] = []
    for chunk in delivery.chunks(window[:PREVIEW_LINES], batch_size=PREVIEW_LINES):
        lines += bytes(chunk.data).decode().split("\n")[: chunk.num_samples]
    num_bytes = _estimate_bytes(delivery, window)
    plan = delivery.plan
    return {
        "plan": plan.digest,
        "document": plan.to_document(),
        "version": {"id": opened.version.pk, "number": opened.version.number, "digest": plan.version},
        "num_samples": len(window),
        "total": delivery.num_samples,
        "estimated_bytes": num_bytes,
        "estimated_tokens": num_bytes // BYTES_A_TOKEN,
        "lines": lines,
        "missing_fields": list(opened.missing_fields),
        "cursor": str(opened.cursor),
    }


def _estimate_bytes(delivery: Delivery, window: range) -> int:
    parts = [window]
    if len(window) > COUNTED:
        parts = [window[at : at + PART] for at in range(0, len(window), len(window) // PARTS)]
    looked_at = sum(len(part) for part in parts)
    size = sum(len(chunk.data) for part in parts for chunk in delivery.chunks(part, batch_size=PART))
    return round(size * len(window) / looked_at) if looked_at else 0
