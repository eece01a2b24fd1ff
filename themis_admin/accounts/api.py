"""REST: one's own tokens, and the audit log."""

from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from themis_admin.accounts import services
from themis_admin.accounts.models import ApiToken, AuditEntry, User
from themis_admin.web.api import PAGING, ThemisView
from themis_admin.web.scopes import SCOPES, allowed
from themisdb_datasets.errors import MalformedError
from themisdb_datasets.names import check_names

OBJECT = OpenApiTypes.OBJECT


class TokenBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST tokens/."""

    name: str
    scopes: list[str]
    expires_at: datetime | None = None


class TokensView(ThemisView):
    """One's own tokens. A token can make another, but none that may do more or lasts longer than itself."""

    parameters = PAGING

    @extend_schema(responses=OBJECT)
    def get(self, request: Request) -> Response:
        """The tokens, without their texts."""
        paginator = self.pagination_class()
        tokens = ApiToken.objects.visible_to(cast(User, request.user)).select_related("user")
        page = paginator.paginate_queryset(tokens, request, view=self)
        return paginator.get_paginated_response([token.to_dict() for token in page or []])

    @extend_schema(request=OBJECT, responses={201: OBJECT})
    def post(self, request: Request) -> Response:
        """A new token; its text is in this answer and nowhere else."""
        body = token_body(request.data)
        held = request.auth
        if isinstance(held, ApiToken):
            _check_no_more(body, held)
        token, text = services.create_token(
            cast(User, request.user), name=body.name, scopes=body.scopes, expires_at=body.expires_at
        )
        return Response({**token.to_dict(), "token": text}, status=201, headers={"Cache-Control": "no-store"})


class TokenView(ThemisView):
    """One token."""

    parameters = ()

    @extend_schema(responses=OBJECT)
    def get(self, request: Request, pk: int) -> Response:
        """The token, without its text."""
        return Response(self._token(request, pk).to_dict())

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Revoke it at once."""
        services.revoke_token(self._token(request, pk), user=cast(User, request.user))
        return Response(status=204)

    def _token(self, request: Request, pk: int) -> ApiToken:
        return get_object_or_404(
            ApiToken.objects.visible_to(cast(User, request.user)).select_related("user"), pk=pk
        )


class AuditView(ThemisView):
    """Who did what: administrators see all, others what they did themselves."""

    parameters = ("action", *PAGING)

    @extend_schema(responses=OBJECT)
    def get(self, request: Request) -> Response:
        """The entries, the newest first."""
        paginator = self.pagination_class()
        entries = AuditEntry.objects.visible_to(cast(User, request.user)).select_related("user", "token")
        if action := request.query_params.get("action"):
            entries = entries.filter(action=action)
        page = paginator.paginate_queryset(entries, request, view=self)
        return paginator.get_paginated_response([entry.to_dict() for entry in page or []])


def _check_no_more(body: TokenBody, held: ApiToken) -> None:
    # Or a stolen token that may only read could make itself one that
    # may do all, and one that ends tonight another that never does.
    extra = sorted(set(body.scopes) & set(SCOPES) - allowed(held.scopes))
    if extra:
        raise MalformedError.at(
            "scopes",
            "A token cannot give out what it does not have: {scopes}.",
            code="scope",
            scopes=", ".join(extra),
        )
    if held.expires_at is not None and (body.expires_at is None or body.expires_at > held.expires_at):
        raise MalformedError.at(
            "expires_at",
            "This token ends at {end}, and one that it makes ends no later.",
            code="scope",
            end=held.expires_at.isoformat(),
        )


def _has_offset(time: datetime) -> bool:
    """Whether it is a moment, which UTC can name too."""
    try:
        return time.tzinfo is not None and time.astimezone(UTC) is not None
    except OverflowError:
        return False


def token_body(document: Any) -> TokenBody:
    """The body of a new token, checked."""
    known = TokenBody.__struct_fields__
    check_names(document if isinstance(document, dict) else (), known, what="field")
    try:
        body = msgspec.convert(document, TokenBody)
    except msgspec.ValidationError as error:
        raise MalformedError(f"The token cannot be made: {error}.") from None
    if body.expires_at is not None and not _has_offset(body.expires_at):
        raise MalformedError.at(
            "expires_at", "expires_at is a time with an offset, such as 2030-01-31T12:00:00Z."
        )
    return body
