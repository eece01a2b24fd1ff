"""The audit log: who did what, when and from where."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request

from themis_admin.accounts.models import ApiToken, AuditEntry, User


def record(
    *,
    user: User | None,
    action: str,
    object: str = "",
    detail: Mapping[str, Any] | None = None,
    request: Request | HttpRequest | None = None,
) -> None:
    """Add an entry; with the request, also the token that was used and the address it came from."""
    token = getattr(request, "auth", None)
    AuditEntry.objects.create(
        user=user,
        token=token if isinstance(token, ApiToken) else None,
        action=action,
        object=object[:500],
        detail=dict(detail or {}),
        ip=request.META.get("REMOTE_ADDR") or None if request is not None else None,
    )
