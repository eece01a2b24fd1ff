"""The plans that feedback is told of, held open: of which samples their lines were made."""

from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

import numpy as np

from exports.delivery.opening import open_delivery
from exports.models import StoredPlan
from exports.streams.continuous import Continuation, Segment
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Version
from themisdb_datasets.engine.plans.delivery import Delivery
from themisdb_datasets.engine.plans.plan import Plan
from themisdb_datasets.engine.shards.columns import ID_BYTES
from themisdb_datasets.engine.weights.difficulty import sample_ids
from themisdb_datasets.errors import ConflictError, ImpossibleError, NotFoundError
from themisdb_datasets.vectors import Words

OPEN_PLANS = 8  # that a process holds open; they are memory maps


class OpenPlan:
    """A plan's lines: those of its version, and of a continuous one also what later versions added. For many threads."""

    def __init__(self, plan: Plan, version: Version) -> None:
        """ConflictError where it has no lines and never will."""
        delivery = open_delivery(plan, version.open())
        if plan.continuous is None and not delivery.num_samples:
            raise ConflictError("The plan of this cursor has no lines.", code="no_samples")
        self._continuation = Continuation(plan, version, delivery)
        self._segments = [self._continuation.current]
        self._lock = Lock()

    def sample_ids(self, positions: Words) -> bytes:
        """The ids of the samples that these lines were made of; ImpossibleError for lines that nobody has got yet."""
        first = self._segments[0]
        if self._continuation.plan.continuous is None:
            return _ids(first.delivery, positions)
        segments = self._reach(int(positions.max(initial=0)))
        # The last segment that starts at or before a position has it: of several with one start, all but the
        # last are empty, which is what `side="right"` finds.
        starts = np.array([segment.start for segment in segments], np.uint64)
        of = np.searchsorted(starts, positions, side="right") - 1
        # Filled by place, for the answer has to be in the order
        # of the positions, and these may lie in any segment.
        ids = np.empty(len(positions), f"V{ID_BYTES}")
        for number in np.unique(of).tolist():
            mine, segment = of == number, segments[number]
            ids[mine] = np.frombuffer(_ids(segment.delivery, positions[mine] - starts[number]), ids.dtype)
        return ids.tobytes()

    def _reach(self, position: int) -> list[Segment]:
        """What versions gave up to this position; those that gave nothing hide behind the next one's start."""
        # The continuation goes forward only, and many senders of one run ask of the same plan at once.
        with self._lock:
            while self._segments[-1].stop <= position and self._continuation.advance():
                self._segments.append(self._continuation.current)
            stop = self._segments[-1].stop
            if position >= stop:
                message = f"Line {position:,} is past the end: there are {stop:,} so far."
                raise ImpossibleError(message, code="past_the_end")
            return list(self._segments)


class Found(NamedTuple):
    """A plan, and the dataset that it is of."""

    plan: OpenPlan
    dataset: Dataset


_plans: OrderedDict[tuple[str, int], OpenPlan] = OrderedDict()
_lock = Lock()


def find_plan(digest: str, user: User, dataset: Dataset | None) -> Found:
    """The plan of this digest that the user may see, of the run's dataset where it has one. NotFoundError, ConflictError."""
    rows = StoredPlan.objects.visible_to(user).filter(digest=digest).select_related("version", "dataset")
    if dataset is not None:
        rows = rows.filter(dataset=dataset)
    stored = rows.first()
    if stored is None:
        raise NotFoundError(
            "There is no plan of this cursor, or not of the run's dataset.", code="unknown_plan"
        )
    plan = Plan.from_document(stored.document)
    version = stored.version or stored.dataset.versions.filter(digest=plan.version).first()
    if version is None:
        raise ConflictError("The version that this cursor belongs to was removed.", code="stale_cursor")
    key = digest, version.pk
    with _lock:
        found = _plans.get(key)
    # Opened outside of the lock, as it may have to build a
    # selection; of two that open the same the later one stays.
    found = found or OpenPlan(plan, version)
    with _lock:
        _plans[key] = found
        _plans.move_to_end(key)
        while len(_plans) > OPEN_PLANS:
            _plans.popitem(last=False)
    return Found(found, stored.dataset)


def dataset_of(digest: str, user: User) -> Dataset | None:
    """The dataset that a plan is of; None where the plan is not known any more."""
    stored = StoredPlan.objects.visible_to(user).filter(digest=digest).select_related("dataset").first()
    return None if stored is None else stored.dataset


def _ids(delivery: Delivery, positions: Words) -> bytes:
    return sample_ids(delivery.renderer.version, delivery.samples_at(positions))
