"""What a token may be allowed."""

from collections.abc import Iterable

SCOPES = ("read", "export", "write", "admin")
# What a scope allows beside itself: who may write may look at what was written, who may export at what is exported.
IMPLIED = {"read": {"read"}, "export": {"export", "read"}, "write": {"write", "read"}, "admin": set(SCOPES)}


def allowed(scopes: Iterable[str]) -> set[str]:
    """All that these scopes allow, beside themselves."""
    return {implied for scope in scopes for implied in IMPLIED.get(scope, ())}
