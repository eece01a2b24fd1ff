"""The socket of feedback: trainers tell losses, and every frame is acknowledged in its order once it is kept."""

import json
import logging
import time
import uuid
from typing import Any
from urllib.parse import parse_qsl

from channels.db import database_sync_to_async

from exports.feedback.frames import Teller, parse_frame
from exports.feedback.plans import dataset_of
from exports.requests.subject import find_dataset
from themis_admin.accounts.models import User
from themis_admin.jobs.consumers import CHECK_SECONDS, KnownConsumer
from themisdb_datasets.errors import MalformedError, ThemisError

# A trainer that tells nonsense has a defect and goes on
# telling it; its connection is not kept busy with refusals.
MAX_NONSENSE = 20
PARAMETERS = {"run", "sender", "dataset", "plan"}
CLOSED_NONSENSE, CLOSED_UNKNOWN, CLOSED_GONE = 4400, 4401, 4410
log = logging.getLogger(__name__)


class FeedbackConsumer(KnownConsumer):
    """`/ws/feedback?run=&sender=&dataset=`: one sender of a run.

    It is greeted with the number of its last frame that was applied, so that after a break it goes on with the next.
    Frames are applied one after the other; whoever sends faster waits.
    """

    scope_needed = "export"
    teller: Teller | None = None
    num_nonsense = 0
    checked = 0.0

    async def connect(self) -> None:
        user = await self.authenticate()
        if user is None:
            await self.close()  # before it was accepted: HTTP 403
            return
        await self.accept()
        self.checked = time.monotonic()
        try:
            self.teller = await database_sync_to_async(self._teller)(user)
            await self._say(self.teller.greeting())
        except ThemisError as error:
            await self._refuse(error, close=CLOSED_NONSENSE)

    def _teller(self, user: User) -> Teller:
        asked = dict(parse_qsl(self.scope["query_string"].decode("latin-1"), keep_blank_values=True))
        if strange := sorted(set(asked) - PARAMETERS):
            raise MalformedError.at(
                strange[0],
                "There is no parameter {name!r}; there are {known}.",
                name=strange[0],
                known=", ".join(sorted(PARAMETERS)),
            )
        dataset = None
        if named := asked.get("dataset"):
            dataset = find_dataset(named, user)
        elif plan := asked.get("plan"):
            dataset = dataset_of(plan, user)
        return Teller(
            user,
            run=asked.get("run") or "default",
            sender=asked.get("sender") or uuid.uuid4().hex,
            dataset=dataset,
        )

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.teller is None:
            return
        try:
            # Channels calls this for one frame after the other, so they are applied
            # in their order. As on the socket of events the connection may outlast
            # its token; that is asked every few seconds, not with each frame.
            if time.monotonic() - self.checked > CHECK_SECONDS:
                if await self.authenticate() is None:
                    await self.close(CLOSED_UNKNOWN)
                    return
                self.checked = time.monotonic()
            frame = parse_frame(text_data if text_data is not None else bytes_data or b"")
        except MalformedError as error:
            self.num_nonsense += 1
            await self._refuse(error, close=CLOSED_NONSENSE if self.num_nonsense >= MAX_NONSENSE else None)
            return
        try:
            await self._say(await database_sync_to_async(self.teller.tell)(frame))
        except ThemisError as error:
            # Nothing of it was kept; its sender shall keep it until the reason is gone.
            await self._refuse(error, close=CLOSED_GONE)

    async def _say(self, answer: dict[str, Any]) -> None:
        await self.send(json.dumps(answer, ensure_ascii=False))

    async def _refuse(self, error: ThemisError, *, close: int | None) -> None:
        await self._say({"error": error.message, "code": error.code})
        if close is not None:
            await self.close(close)
