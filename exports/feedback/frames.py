"""What a trainer tells: frames of losses, whose cursors are led back to the samples that their lines were made of."""

import re
from typing import Any, NamedTuple

import msgspec
import numpy as np

from exports.feedback import services
from exports.feedback.plans import find_plan
from exports.models import FeedbackRun, FeedbackSender
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset
from themisdb_datasets.engine.plans.plan import Cursor
from themisdb_datasets.engine.weights.difficulty import is_loss, records
from themisdb_datasets.errors import MalformedError, ThemisError

MAX_ITEMS = 10_000  # of a frame
MAX_ERRORS = 20  # that an answer tells
MAX_NAME = 200
# Below what a signed 64-bit column and numpy's uint64 hold, with room to add.
MAX_POSITION = 2**62
SENDER = re.compile(r"[A-Za-z0-9._-]{1,64}")
SAMPLE_ID = re.compile(r"[0-9a-fA-F]{32}")
FORMS = (
    'A frame is {"seq", "items": [{"cursor" or "sample_id", "loss"}, …]}, {"seq", "plan", "positions", "losses"},'
    " or one item."
)


class LossItem(NamedTuple):
    """A loss of one line, or of one sample."""

    number: int  # in its frame
    plan: str
    position: int
    sample_id: str
    loss: float


class Problem(NamedTuple):
    """Why an item was not taken."""

    item: int
    code: str
    error: str


class Frame(NamedTuple):
    """What came in one message; `seq` is None where its sender does not count."""

    seq: int | None
    items: list[LossItem]
    problems: list[Problem]


def parse_frame(content: str | bytes) -> Frame:
    """Read a message; MalformedError for one that makes no sense as a whole."""
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"The message is not JSON ({error}). {FORMS}", code="bad_frame") from None
    return read_frame(document)


def read_frame(document: Any) -> Frame:
    """The frame that a document says."""
    if not isinstance(document, dict):
        raise MalformedError(FORMS, code="bad_frame")
    seq = document.get("seq")
    if seq is not None and (not isinstance(seq, int) or isinstance(seq, bool) or not 0 < seq < MAX_POSITION):
        raise MalformedError(
            "seq: frames are counted from 1.", code="bad_frame", fields={"seq": "a number from 1"}
        )
    if "items" in document:
        given = document["items"]
        if not isinstance(given, list):
            raise MalformedError("items: it is a list.", code="bad_frame", fields={"items": "a list"})
    elif "positions" in document:
        given = _spread(document)
    else:
        given = [document]
    if len(given) > MAX_ITEMS:
        raise MalformedError.at(
            "items",
            "A frame has {most:,} items at most; this has {count:,}.",
            code="frame_too_large",
            most=MAX_ITEMS,
            count=len(given),
        )
    frame = Frame(seq, [], [])
    for number, each in enumerate(given):
        found = _item(number, each)
        if isinstance(found, LossItem):
            frame.items.append(found)
        else:
            frame.problems.append(found)
    return frame


def _spread(document: dict[str, Any]) -> list[Any]:
    """The items of the compact form."""
    plan, positions, losses = (document.get(name) for name in ("plan", "positions", "losses"))
    if not (isinstance(plan, str) and isinstance(positions, list) and isinstance(losses, list)):
        raise MalformedError(FORMS, code="bad_frame")
    if len(positions) != len(losses):
        raise MalformedError.at(
            "losses",
            "There are {num_positions:,} positions, but {num_losses:,} losses.",
            code="bad_frame",
            num_positions=len(positions),
            num_losses=len(losses),
        )
    return [
        {"cursor": f"{plan}.{position}", "loss": loss}
        for position, loss in zip(positions, losses, strict=True)
    ]


def _item(number: int, given: Any) -> LossItem | Problem:
    if not isinstance(given, dict):
        return Problem(number, "bad_item", FORMS)
    loss = given.get("loss")
    if not is_loss(loss) or loss is None:
        return Problem(number, "bad_loss", "A loss is a number from 0 to a billion.")
    cursor, sample_id = given.get("cursor"), given.get("sample_id")
    if isinstance(sample_id, str) and SAMPLE_ID.fullmatch(sample_id):
        return LossItem(number, "", 0, sample_id, loss)
    if isinstance(cursor, str):
        try:
            parsed = Cursor.parse(cursor)
        except ThemisError as error:
            return Problem(number, "bad_cursor", error.message)
        if parsed.position < MAX_POSITION:
            return LossItem(number, parsed.plan, parsed.position, "", loss)
    return Problem(
        number, "bad_item", "Name the line by its cursor, or the sample by its sample_id (32 hex digits)."
    )


class Teller:
    """One sender of a run: applies its frames in order, each once. Not for several threads at once."""

    def __init__(
        self, user: User, *, run: str = "default", sender: str = "", dataset: Dataset | None = None
    ) -> None:
        """MalformedError for a name that cannot be one."""
        if not (0 < len(run.strip()) <= MAX_NAME) or not run.isprintable():
            raise MalformedError.at("run", "A run's name has 1 to {most} characters.", most=MAX_NAME)
        if not SENDER.fullmatch(sender):
            raise MalformedError.at(
                "sender", "A sender is named by up to 64 letters, digits, dots, hyphens and underscores."
            )
        self.user = user
        self.name = run.strip()
        self._sender_name = sender
        self._dataset = dataset
        self._sender: FeedbackSender | None = None
        # A sender that comes back has told a dataset before; with it, it may go on by sample ids alone.
        known = FeedbackSender.objects.filter(name=sender, run__name=self.name).select_related("run__dataset")
        known = known.filter(run__in=FeedbackRun.objects.visible_to(user))
        if dataset is not None:
            known = known.filter(run__dataset=dataset)
        self._take(known.order_by("-pk").first())

    def _take(self, sender: FeedbackSender | None) -> None:
        self._sender = sender
        if sender is not None:
            self._dataset = sender.run.dataset

    @property
    def run(self) -> FeedbackRun | None:
        """The run, once something was told."""
        return None if self._sender is None else self._sender.run

    def greeting(self) -> dict[str, Any]:
        """What a sender is told first: where its run is, and how far its frames are applied."""
        run, sender = self.run, self._sender
        return {
            "run": self.name,
            "url": None if run is None else run.url,
            "ack": 0 if sender is None else sender.last_seq,
        }

    def tell(self, frame: Frame) -> dict[str, Any]:
        """Apply a frame, unless it was; the answer to it."""
        last = 0 if self._sender is None else self._sender.last_seq
        # Told again after a break: acknowledged, so that its sender can forget it, and not looked into, for
        # its plans may be gone by now.
        if frame.seq is not None and frame.seq <= last:
            return {"ack": frame.seq, "num": 0, "errors": [], "num_errors": 0}
        ack = last + 1 if frame.seq is None else frame.seq
        problems = list(frame.problems)
        ids, losses = self._resolved(frame.items, problems)
        # The run is made with the first frame that says of which dataset it is, and not by merely connecting.
        if self._sender is None and self._dataset is not None:
            run = services.open_run(self._dataset, self.name, user=self.user)
            self._take(services.open_sender(run, self._sender_name))
        if self._sender is not None:
            last = services.append(self._sender, seq=frame.seq, records=records(b"".join(ids), losses))
            self._sender.last_seq = last
            ack = last if frame.seq is None else ack
        problems.sort()
        told = [{"item": each.item, "code": each.code, "error": each.error} for each in problems[:MAX_ERRORS]]
        return {"ack": ack, "num": len(losses), "errors": told, "num_errors": len(problems)}

    def _resolved(self, items: list[LossItem], problems: list[Problem]) -> tuple[list[bytes], list[float]]:
        """The ids of the samples that are meant, and their losses."""
        ids: list[bytes] = []
        losses: list[float] = []
        by_plan: dict[str, list[LossItem]] = {}
        for item in items:
            by_plan.setdefault(item.plan, []).append(item)
        for plan, mine in sorted(
            by_plan.items(), reverse=True
        ):  # those of cursors first, which name a dataset
            try:
                found = self._ids(plan, mine)
            except ThemisError as error:
                problems += [Problem(item.number, error.code, error.message) for item in mine]
                continue
            # All or none of a plan's items: one that cannot be led back
            # to its sample would shift the losses against the ids.
            ids.append(found)
            losses += [item.loss for item in mine]
        return ids, losses

    def _ids(self, plan: str, items: list[LossItem]) -> bytes:
        if not plan:
            if self._dataset is None:
                raise MalformedError.at(
                    "dataset", "Say which dataset: give dataset, or tell a cursor first.", code="no_dataset"
                )
            return b"".join(bytes.fromhex(item.sample_id) for item in items)
        found = find_plan(plan, self.user, self._dataset)
        self._dataset = self._dataset or found.dataset
        return found.plan.sample_ids(np.array([item.position for item in items], np.uint64))
