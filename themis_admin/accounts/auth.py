"""How a request says who it is from: a bearer token, or the session of the same origin."""

from rest_framework import authentication, exceptions
from rest_framework.request import Request

from themis_admin.accounts import audit
from themis_admin.accounts.models import ApiToken, User

REALM = 'Bearer realm="themis"'


def user_of_token(text: str) -> tuple[User, ApiToken] | None:
    """The user of a token and the token; None where there is no such usable token."""
    token = ApiToken.objects.with_text(text).first()
    if token is None:
        return None
    token.touch()
    return token.user, token


class BearerAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <token>`."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, text = authentication.get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        found = user_of_token(text.strip())
        if found is None:
            raise exceptions.AuthenticationFailed(
                "This token is unknown, expired or revoked; make another in the console, under Tokens."
            )
        # Services know a user but no request; the entries that they write name the token by this.
        audit.note_token(found[1])
        return found

    def authenticate_header(self, request: Request) -> str:
        """Makes a request without login a 401 rather than a 403."""
        return REALM


class SessionAuthentication(authentication.SessionAuthentication):
    """The console's session, with CSRF protection."""
