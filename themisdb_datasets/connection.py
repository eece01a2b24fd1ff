"""Where Themis is, who asks, how long one waits, and how its answers become errors: what all clients share."""

import json
import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from themisdb_datasets.errors import (
    AuthError,
    ConflictError,
    GoneError,
    ImpossibleError,
    LimitError,
    MalformedError,
    NotFoundError,
    ServerError,
    ThemisError,
    TooLargeError,
)

# Seconds. A stream's first byte waits for its selection, which of a large version may take a while.
TIMEOUT = httpx.Timeout(connect=10, read=120, write=60, pool=10)
TRANSIENT = {
    429,
    502,
    503,
    504,
}  # what a proxy answers while Themis restarts, and Themis when it is asked too much
KINDS: dict[int, type[ThemisError]] = {
    400: MalformedError,
    401: AuthError,
    403: AuthError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    413: TooLargeError,
    422: ImpossibleError,
}
SHOWN = 300  # characters of an answer that is not Themis'


@dataclass(frozen=True)
class Backoff:
    """How often and how long it is tried again; all in seconds.

    Waits grow from `shortest` to `longest`, each by chance up to a half shorter, so that many ranks do not come back at
    once. It is given up when nothing has come for `patience`, and for `first_patience` where nothing ever came.
    """

    shortest: float = 0.25
    longest: float = 15.0
    patience: float = 300.0
    first_patience: float = 3.0

    def waits(self) -> Iterator[float]:
        """The waits between attempts, without end."""
        wait = self.shortest
        while True:
            yield wait * random.uniform(0.5, 1)  # noqa: S311 - nobody has to be unable to guess it
            wait = min(2 * wait, self.longest)


@dataclass(frozen=True)
class Server:
    """An address of Themis, without a slash at its end, and the token to ask it with."""

    base_url: str
    token: str

    @classmethod
    def known(cls, base_url: str | None = None, token: str | None = None) -> "Server":
        """What is given, else THEMIS_URL and THEMIS_TOKEN, else what `themis login` wrote; MalformedError, AuthError.

        The written token is only sent to the server that it was written for.
        """
        written = read_login()
        url = base_url or os.environ.get("THEMIS_URL") or written.get("url")
        if not url:
            raise MalformedError(
                "Which Themis? Give base_url, set THEMIS_URL, or run: themis login", code="no_server"
            )
        url = checked_url(url)
        token = token or os.environ.get("THEMIS_TOKEN")
        if not token and written.get("url") == url:
            token = written.get("token")
        if not token:
            raise AuthError(
                f"There is no token for {url}: give token, set THEMIS_TOKEN, or run: themis login",
                code="no_token",
            )
        return cls(url, token)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Accept-Encoding": "identity"}

    def __repr__(self) -> str:  # tokens are not for logs
        return f"Server({self.base_url!r})"


def checked_url(url: str) -> str:
    """The address without slashes at its end; MalformedError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise MalformedError(
            f"{url!r} is no address; write one such as https://themis.example.org", code="bad_url"
        )
    return url.rstrip("/")


def login_path() -> Path:
    """The file that `themis login` writes."""
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "themis" / "login.json"


def read_login() -> dict[str, str]:
    """`url` and `token` as `themis login` wrote them; empty where nobody has."""
    try:
        return msgspec.json.decode(login_path().read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (msgspec.DecodeError, OSError) as error:
        raise MalformedError(
            f"{login_path()} cannot be read ({error}); run: themis login", code="bad_login"
        ) from error


def error_of(response: httpx.Response) -> ThemisError:
    """The error that an answer stands for; its body has been read."""
    document = _document(response)
    code = document.get("code")
    fields: Mapping[str, Any] = document.get("fields") or {}
    message = document.get("error") or _strange(response)
    if response.status_code == 429:
        return LimitError(message, retry_after=retry_after(response) or 1, code=code)
    return KINDS.get(response.status_code, ServerError)(message, code=code, fields=fields)


def retry_after(response: httpx.Response) -> int | None:
    """Seconds after which an answer asks to be asked again."""
    text = response.headers.get("Retry-After", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return document if isinstance(document, dict) else {}


def _strange(response: httpx.Response) -> str:
    text = " ".join(response.text.split())[:SHOWN]
    return f"{response.url} answered {response.status_code}: {text or 'nothing'}"
