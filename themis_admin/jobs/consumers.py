"""The socket of events: a replay of what was missed, then what happens, as it happens."""

import asyncio
import json
import logging
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.db import DatabaseError, InterfaceError

from themis_admin.accounts.auth import user_of_token
from themis_admin.accounts.models import ApiToken, User
from themis_admin.jobs import events
from themis_admin.jobs.broadcast import hub
from themis_admin.web.scopes import allowed

# A nudge may be lost, so the database is asked at least
# this often; it is also how late events come without Redis.
POLL_SECONDS = 5.0
CHECK_SECONDS = 5.0  # how soon a socket ends after a logout or a token's revocation
END_SECONDS = 10.0
BATCH = 200
log = logging.getLogger(__name__)


class KnownConsumer(AsyncWebsocketConsumer):
    """A socket whose other end is known by a bearer token, or by the session where its page is of this origin."""

    scope_needed = "read"

    async def authenticate(self) -> User | None:
        """The user who opens the socket; None where it is nobody, or the page is of another origin."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self.scope["headers"]
        }
        scheme, _, text = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            found: tuple[User, ApiToken] | None
            found = await database_sync_to_async(user_of_token)(text.strip())
            if found is None or self.scope_needed not in allowed(found[1].scopes):
                return None
            return found[0]
        # A browser sends the session's cookie along whatever page opens the socket, and knows no CORS for
        # sockets (RFC 6455, 10.2). Who sends no Origin is no browser, and has a token.
        if not same_origin(headers.get("origin", ""), headers.get("host", "")):
            return None
        # Read anew, for the one in the scope does not hear of a logout.
        session = SessionStore(self.scope["session"].session_key)
        user: User | AnonymousUser = await get_user({**self.scope, "session": session})
        return user if isinstance(user, User) and user.is_active else None


class EventsConsumer(KnownConsumer):
    """`/ws/events?since=<id>`: events as JSON; without `since`, only what happens from now on."""

    feed: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        user = await self.authenticate()
        since = parse_qs(self.scope["query_string"].decode("latin-1")).get("since", [""])[0]
        # Up to 18 digits, which every database takes as a bigint.
        if user is None or not (since == "" or (since.isascii() and since.isdigit() and len(since) < 19)):
            await self.close()  # before it was accepted: HTTP 403
            return
        # Asked before the other end hears that it is listening: what happens from then on is told.
        last = int(since) if since else await database_sync_to_async(events.last_id)()
        await self.accept()
        self.feed = asyncio.create_task(self._feed(user, last))

    async def disconnect(self, code: int) -> None:
        if self.feed is not None:
            self.feed.cancel()
            # Waited for, so that it has left the hub, which ends its own subscription with the last listener.
            await asyncio.wait([self.feed], timeout=END_SECONDS)

    async def _feed(self, user: User, last: int) -> None:
        """Send what came after `last`, then wait for a nudge, until the listener goes or may listen no more."""
        checked = time.monotonic()
        async with hub() as bell:
            while True:
                # Noted before the database is asked: what is committed
                # after that raises it, and the wait below returns at once.
                seen = bell.count
                found: list[dict[str, Any]] = []
                try:
                    if time.monotonic() - checked > CHECK_SECONDS:
                        # A socket lasts longer than what it was opened with: its session may be logged out,
                        # its token revoked, its user closed. All that is asked anew, but not for every event.
                        known = await self.authenticate()
                        if known is None:
                            await self.close(4401)
                            return
                        user, checked = known, time.monotonic()
                    found = await database_sync_to_async(_after)(user, last)
                except (DatabaseError, InterfaceError) as error:
                    log.warning("events are delayed, the database does not answer: %s", error)
                for event in found:
                    await self.send(json.dumps(event, ensure_ascii=False))
                    last = event["id"]
                # A full batch is not the end: the replay goes on at
                # once, batch by batch, so that memory stays flat.
                if len(found) < BATCH:
                    await bell.wait(seen, seconds=POLL_SECONDS)


def same_origin(origin: str, host: str) -> bool:
    """Whether a page of `origin` may open a socket on `host`."""
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    return bool(host) and urlsplit(origin).netloc == host


def _after(user: User, last: int) -> list[dict[str, Any]]:
    return [event.to_dict() for event in events.after(user, last, limit=BATCH)]
