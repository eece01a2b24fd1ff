"""What people do with accounts: making and revoking tokens, counting failed logins, resetting a password."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.tokens import default_token_generator
from django.core.cache import cache
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from themis_admin.accounts import audit
from themis_admin.accounts.models import ApiToken, User, new_token_text, token_digest
from themis_admin.web.scopes import SCOPES
from themisdb_datasets.errors import ConflictError, LimitError, MalformedError
from themisdb_datasets.names import nearest

FAILURES = 10
FAILURE_WINDOW = timedelta(minutes=15)


def create_token(
    user: User, *, name: str, scopes: Sequence[str], expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """A new token and its text, which is shown this once and kept nowhere."""
    name = name.strip()
    if not name or len(name) > 200:
        raise MalformedError.at("name", "A token has a name of 1 to 200 characters, to know it again by.")
    chosen = list(dict.fromkeys(scopes))
    if not chosen:
        raise MalformedError.at("scopes", "Choose at least one scope: {known}.", known=", ".join(SCOPES))
    for scope in chosen:
        if scope not in SCOPES:
            raise MalformedError.at(
                "scopes",
                "There is no scope {scope!r}{hint}; there are {known}.",
                scope=scope,
                hint=nearest(scope, SCOPES),
                known=", ".join(SCOPES),
            )
    if expires_at is not None and expires_at <= timezone.now():
        raise MalformedError.at("expires_at", "The token would be expired already; choose a later time.")
    text, prefix = new_token_text()
    with transaction.atomic():
        token = ApiToken.objects.create(
            user=user,
            name=name,
            prefix=prefix,
            digest=token_digest(text),
            scopes=chosen,
            expires_at=expires_at,
        )
        audit.record(
            user=user, action="token.created", object=f"/api/v1/tokens/{token.pk}/", detail={"scopes": chosen}
        )
    return token, text


def revoke_token(token: ApiToken, *, user: User) -> None:
    """End a token at once; its entry stays, so that what it did can still be told."""
    with transaction.atomic():
        if not ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(
            revoked_at=timezone.now()
        ):
            raise ConflictError("This token is revoked already.", code="token_revoked")
        audit.record(user=user, action="token.revoked", object=f"/api/v1/tokens/{token.pk}/")
    token.refresh_from_db(fields=["revoked_at"])


def reset_path(user: User) -> str:
    """The path of a page on which the user sets a new password, once and within a day."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    token = default_token_generator.make_token(user)
    return reverse("password-reset-confirm", kwargs={"uidb64": uid, "token": token})


def count_login(username: str, ip: str) -> None:
    """Count a try to log in with this name from this address; LimitError after too many that did not succeed.

    It is counted before the password is looked at, and a try takes one of a number of places: so many tries at once
    get no further than one after the other.
    """
    seconds = int(FAILURE_WINDOW.total_seconds())
    # `add` is one step in the database: of many at once each gets a place of its own or none. A count that is
    # read and then written would let all of them pass.
    if any(cache.add(place, True, seconds) for place in _places(username, ip)):
        return
    raise LimitError(
        f"Too many failed logins. Try again in {seconds // 60} minutes, or have your password reset.",
        retry_after=seconds,
        code="too_many_logins",
    )


def forget_failed_logins(username: str, ip: str) -> None:
    """Start counting anew after a login that succeeded."""
    cache.delete_many(_places(username, ip))


def _places(username: str, ip: str) -> list[str]:
    # By name and address together: by the name alone anybody could lock its owner out. Hashed, because what
    # was typed may be longer than a key of the cache.
    who = token_digest(f"{ip} {username.casefold()}")
    return [f"login:{who}:{number}" for number in range(FAILURES)]
