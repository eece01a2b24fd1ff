"""Opening a delivery for a user: a request or a cursor becomes a plan, its version and its selection."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from msgspec import UNSET

from exports.delivery.estimates import estimate_bytes
from exports.limits import Consumer, count_plan
from exports.models import StoredPlan
from exports.requests.body import StreamBody
from exports.requests.resolve import build_ordering, build_request
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Version
from themis_admin.storage.stores import kept_files
from themisdb_datasets.engine.plans.delivery import Chunk, Delivery
from themisdb_datasets.engine.plans.plan import Cursor, Plan
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import ConflictError, MalformedError


@dataclass(frozen=True)
class OpenedDelivery:
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

    def chunks(self, done: int, *, batch_size: int) -> Iterator[Chunk]:
        """Its lines after so many, as chunks."""
        return self.delivery.chunks(self.window[done:], batch_size=batch_size)


def open_request(body: StreamBody, user: User, *, consumer: Consumer | None = None) -> OpenedDelivery:
    """Open what a request asks for; a new plan is kept, so that its cursors can be resumed.

    With a `consumer`, a plan that is new counts towards its limit, and is kept also when it is only looked at: whoever
    asks what a plan is may stream it afterwards, whatever has become of its theme.
    """
    if body.cursor is not None:
        return _resume(body, Cursor.parse(body.cursor), user)
    request = build_request(body, user, mean_bytes=mean_bytes)
    if consumer is not None:
        # Before the selection is built, which is what a new plan costs.
        count_plan(request.plan.digest, consumer)
    delivery = open_delivery(request.plan, request.opened)
    start = 0 if body.start is UNSET else body.start
    window = _window(delivery, start, body)
    if consumer is not None or not body.dry_run:
        StoredPlan.keep(request.plan, version=request.version, title=request.title, user=user)
    return OpenedDelivery(delivery, request.version, start, window, request.title, request.missing_fields)


def _resume(body: StreamBody, cursor: Cursor, user: User) -> OpenedDelivery:
    stored = (
        StoredPlan.objects.visible_to(user)
        .select_related("version", "dataset")
        .filter(digest=cursor.plan)
        .first()
    )
    if stored is None:
        raise ConflictError.at(
            "cursor",
            "There is no plan of this cursor (any more); start the stream anew without it.",
            code="stale_cursor",
        )
    plan = _reordered(Plan.from_document(stored.document), body)
    if body.stream_mode is not None and (body.stream_mode == "continuous") != bool(plan.continuous):
        raise MalformedError.at(
            "stream_mode",
            "The plan of this cursor has another stream_mode; leave it out.",
            code="bad_parameter",
        )
    # Any version with the same samples in the same order gives
    # the same lines, such as a restored or compacted one.
    version = stored.version or stored.dataset.versions.filter(digest=plan.version).first()
    if version is None:
        raise ConflictError.at(
            "cursor",
            "The version that this cursor belongs to was removed; start the stream anew without it.",
            code="stale_cursor",
        )
    delivery = open_delivery(plan, version.open())
    window = _window(delivery, cursor.position, body)
    if plan.digest != cursor.plan:
        StoredPlan.keep(plan, version=version, title=stored.title, user=user)
    return OpenedDelivery(delivery, version, cursor.position, window, stored.title)


def _reordered(plan: Plan, body: StreamBody) -> Plan:
    """The plan with its lines in the order that is asked for beside the cursor, such as that of another epoch."""
    ordering = build_ordering(body, plan.ordering)
    # A plan whose lines show no weights was made without any
    # (see build_weighting), so there may be nothing to draw by.
    if ordering.kind == "weighted" != plan.ordering.kind:
        raise MalformedError.at(
            "order",
            "The plan of this cursor may have no weights to draw by; start anew for weighted order.",
            code="bad_parameter",
        )
    if plan.continuous is not None and ordering.kind != "stored":
        raise MalformedError.at(
            "order",
            "A continuous stream has no end, so it is in stored order; leave order out.",
            code="bad_parameter",
        )
    return replace(plan, ordering=ordering)


def _window(delivery: Delivery, start: int, body: StreamBody) -> range:
    """The positions of this request; of a continuous plan, those that the pinned version has."""
    if delivery.plan.continuous:
        if body.drop_last:
            raise MalformedError.at(
                "drop_last",
                "A continuous stream has no end, so there is no tail to drop.",
                code="bad_parameter",
            )
        # A position beyond the pinned version lies in a later one's
        # additions, which are found when the stream goes through them.
        start = min(start, delivery.num_samples)
    return delivery.window(
        start, body.limit, rank=body.rank, world_size=body.world_size, drop_last=body.drop_last
    )


def open_delivery(plan: Plan, version: OpenVersion) -> Delivery:
    """The plan on its version's files, with its selection built where it is not there yet."""
    selections = [kept_files().get(version, plan.version, criteria) for criteria in plan.selects]
    return Delivery(plan, version, selections)


def mean_bytes(plan: Plan, version: OpenVersion) -> float:
    """How long the plan's lines are on average, 0 where there is none."""
    delivery = open_delivery(plan, version)
    whole = delivery.window(0, None)
    return estimate_bytes(delivery, whole) / len(whole) if whole else 0.0
