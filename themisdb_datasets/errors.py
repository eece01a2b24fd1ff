"""The errors that Themis raises on purpose, each kind with a meaning that HTTP and the console can show."""

from collections.abc import Mapping
from errno import EDQUOT, ENOSPC
from os import strerror
from typing import Any, Self


class ThemisError(Exception):
    """An expected failure: a sentence that says what happened and what to do, a stable code, and the fields at fault.

    `sentence` and `values` are what `message` was made of: a constant with named places, and what stands in them.
    An error that was raised with its whole message, or came over HTTP, has that for a sentence and no values.
    """

    code = "error"

    def __init__(
        self, message: str, *, code: str | None = None, fields: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.sentence = message
        self.values: dict[str, Any] = {}
        self.code = code or type(self).code
        self.fields = dict(fields or {})

    @classmethod
    def at(cls, place: str, sentence: str, /, *, code: str | None = None, **values: Any) -> Self:
        """The error of one field: `MalformedError.at("law", "There is no law {law!r}{hint}.", law=law, hint=hint)`.

        A sentence with values is a format string, in which a brace itself is written twice; one without stands as
        it is. Values are plain data: they are pickled with the error.
        """
        # Values are never parsed, so that braces in what a user wrote stay what they are.
        error = cls(sentence.format_map(values) if values else sentence, code=code)
        error.sentence, error.values = sentence, values
        error.fields = {place: error.message}
        return error


class MalformedError(ThemisError):
    """The input cannot be read as what it should be: a parameter, a filter, a body."""

    code = "malformed"


class NotFoundError(ThemisError):
    """What was named does not exist, or not for this user."""

    code = "not_found"


class ConflictError(ThemisError):
    """The request does not fit the present state: a taken name, a stale cursor, an upload at another offset."""

    code = "conflict"


class GoneError(ThemisError):
    """What was named existed once and was removed."""

    code = "gone"


class TooLargeError(ThemisError):
    """More than the configured limit, or more than the disk has room for."""

    code = "too_large"


class ImpossibleError(ThemisError):
    """The request is understood, but cannot be carried out on this data."""

    code = "impossible"


class LimitError(ThemisError):
    """Too many at once or in an hour; `retry_after` is in seconds."""

    code = "limit"

    def __init__(
        self,
        message: str,
        *,
        retry_after: int = 1,  # what unpickling calls it without, and sets afterwards
        code: str | None = None,
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class CorruptError(ThemisError):
    """Stored data does not match its manifest: an index is stale or a file is damaged."""

    code = "corrupt"


class CancelledError(ThemisError):
    """The work was told to stop."""

    code = "cancelled"


class AuthError(ThemisError):
    """No token, one that is not known, or one without the scope that is needed."""

    code = "unauthorized"


class ServerError(ThemisError):
    """Themis failed in a way that is not the request's fault."""

    code = "server_error"


class ConnectionLostError(ThemisError):
    """Themis cannot be reached, or not any more, however often it was tried."""

    code = "connection_lost"


class PlanChangedError(ThemisError):
    """What would go on is not what was begun: another plan, another version or another number of samples."""

    code = "plan_changed"


def place_and_reason(error: Exception) -> tuple[str, str]:
    """Where a document does not fit its type, empty for all of it, and why, as a part of a sentence.

    msgspec tells the place only within its own: "Expected `int`, got `str` - at `$.limit`".
    """
    reason, _, path = str(error).partition(" - at `$.")
    return path.rstrip("`"), reason[:1].lower() + reason[1:]


def is_disk_full(error: Exception) -> bool:
    """Whether an error says that there is no space on the disk; DuckDB and SQLite have errors of their own for it."""
    number = error.errno if isinstance(error, OSError) else None
    said = str(error)
    return number in (ENOSPC, EDQUOT) or strerror(ENOSPC) in said or "database or disk is full" in said
