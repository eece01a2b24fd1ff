"""The audit log: who did what, when and from where."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from themis_admin.accounts.models import ApiToken, AuditEntry, User


@dataclass
class Origin:
    """Where the request under way comes from, and the token that it brought."""

    ip: str | None = None
    token: ApiToken | None = None


# Services have no request; what they record is joined to the request under way here.
_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)


class OriginMiddleware:
    """Remembers where each request comes from, for as long as it is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # A context variable and not a thread's: asgiref takes contexts along into the threads in which views
        # run, and two requests may share a thread.
        before = _origin.set(Origin(ip=request.META.get("REMOTE_ADDR") or None))
        try:
            return self.get_response(request)
        finally:
            _origin.reset(before)


def note_token(token: ApiToken) -> None:
    """Remember the token of the request under way."""
    origin = _origin.get()
    if origin is not None:
        origin.token = token


def record(
    *, user: User | None, action: str, object: str = "", detail: Mapping[str, Any] | None = None
) -> None:
    """Add an entry, with the token and the address of the request under way."""
    origin = _origin.get() or Origin()
    AuditEntry.objects.create(
        user=user,
        token=origin.token,
        action=action,
        object=object[:500],
        detail=dict(detail or {}),
        ip=origin.ip,
    )
