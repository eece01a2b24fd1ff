"""Where Themis is, who asks, how long one waits, and how its answers become errors: what all clients share."""

import html
import os
import random
import re
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from themisdb_datasets.errors import (
    AuthError,
    ConflictError,
    ConnectionLostError,
    GoneError,
    ImpossibleError,
    LimitError,
    MalformedError,
    NotFoundError,
    ServerError,
    ThemisError,
    TooLargeError,
)

API = "/api/v1/"
# Seconds. A stream's first byte waits for its selection, which of a large version may take a while.
TIMEOUT = httpx.Timeout(connect=10, read=120, write=60, pool=10)
# What a proxy answers while Themis restarts, and Themis when it is asked too much.
TRANSIENT = {429, 502, 503, 504}
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
ANSWERED: set[str] = set()  # addresses of which an answer came to this process
SHOWN = 300  # characters of an answer that is not Themis'
TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.DOTALL | re.IGNORECASE)


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


class Patience:
    """How long it is still worth trying again; the clock runs from the first failure after something has come."""

    def __init__(self, backoff: Backoff, *, known: bool = False) -> None:
        """`known`: the server has answered before, so it is more likely to come back than to be none."""
        self._backoff = backoff
        self._known = known
        self._since: float | None = None
        self._waits = backoff.waits()

    def renew(self) -> None:
        """Something came."""
        if self._since is not None:
            self._waits = self._backoff.waits()
        self._known, self._since = True, None

    def after(self, error: ThemisError, *, at_least: float = 0) -> float:
        """Seconds until it is worth another attempt after this error; raises it where none is."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        patience = self._backoff.patience if self._known else self._backoff.first_patience
        wait = max(next(self._waits), at_least)
        if now - self._since + wait > patience:
            raise error
        return wait


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
        url = base_url or os.environ.get("THEMIS_URL")
        token = token or os.environ.get("THEMIS_TOKEN")
        written = {} if url and token else read_login()
        url = url or written.get("url")
        if not url:
            raise MalformedError(
                "Which Themis? Give base_url, set THEMIS_URL, or run: themis login", code="no_server"
            )
        url = checked_url(url)
        if not token and written.get("url") == url:
            token = written.get("token")
        if not token:
            raise AuthError(
                f"There is no token for {url}: give token, set THEMIS_TOKEN, or run: themis login",
                code="no_token",
            )
        return cls(url, checked_token(token))

    @property
    def has_answered(self) -> bool:
        """Whether it ever has, to whichever client in this process: a restart is waited for then."""
        return self.base_url in ANSWERED

    def note_answer(self) -> None:
        """It has answered."""
        ANSWERED.add(self.base_url)

    def path(self, path: str) -> str:
        """A path beneath this address: of an address there, of a path, or of one beneath /api/v1/.

        MalformedError for an address elsewhere, where the token must not go.
        """
        if path.startswith(("http://", "https://")):
            if not path.startswith(f"{self.base_url}/"):
                raise MalformedError(f"{path} is not beneath {self.base_url}.", code="bad_url")
            path = path.removeprefix(self.base_url)
        return path if path.startswith("/") else API + path

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Accept-Encoding": "identity"}

    @property
    def trust(self) -> ssl.SSLContext:
        """Whom its connections trust, the same in all of this process."""
        return trusted(urlsplit(self.base_url).scheme)

    def __repr__(self) -> str:  # tokens are not for logs
        return f"Server({self.base_url!r})"


@cache
def trusted(scheme: str) -> ssl.SSLContext:
    """Whom httpx itself trusts, which takes 30 ms to read; nobody where there is no TLS."""
    return httpx.create_ssl_context() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def checked_url(url: str) -> str:
    """The address without slashes at its end; MalformedError."""
    try:
        parts = urlsplit(url)
        plain = parts.hostname and not parts.query and not parts.fragment and not any(map(str.isspace, url))
        if plain and parts.scheme in ("http", "https"):
            _ = parts.port  # which has to be a number
            return str(httpx.URL(url)).rstrip("/")
    except (ValueError, httpx.InvalidURL):
        pass
    raise MalformedError(
        f"{url!r} is no address; write one such as https://themis.example.org", code="bad_url"
    )


def checked_token(token: str) -> str:
    """The token without white space around it; AuthError for what cannot be one."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise AuthError(
            "This is no token: it has characters that no token has. Copy it anew.", code="bad_token"
        )
    return token


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


def answer_of(response: httpx.Response) -> Any:
    """The document that was answered; MalformedError where it is none, as from a proxy that wants a login."""
    try:
        return msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedError(f"What answers is no Themis: {_strange(response)}", code="no_themis") from None


def error_of(response: httpx.Response) -> ThemisError:
    """The error that an answer stands for; its body has been read."""
    try:
        document = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = None
    if not isinstance(document, dict):
        document = {}
    code = document.get("code")
    message = document.get("error") or _strange(response)
    if code == "not_found" and response.url.path not in message:
        message = f"{message.rstrip('.')} at {response.url.path}."
    if response.status_code == 429:
        return LimitError(message, retry_after=retry_after(response) or 1, code=code)
    return KINDS.get(response.status_code, ServerError)(message, code=code, fields=document.get("fields"))


def part_of(document: Any, name: str) -> Any:
    """What an answer holds under this name; MalformedError where it holds nothing such."""
    try:
        return document[name]
    except (KeyError, TypeError):
        raise MalformedError(
            f"What answers is no Themis, or another version of it: it tells no {name}.", code="no_themis"
        ) from None


def unreachable(base_url: str, error: Exception) -> ConnectionLostError:
    """The error of a request that got no answer."""
    return ConnectionLostError(
        f"{base_url} cannot be reached ({said(error)}). Is that its address, and does it run?"
    )


def retry_after(response: httpx.Response) -> int:
    """Seconds after which an answer asks to be asked again, else 0."""
    text = response.headers.get("Retry-After", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def said(error: Exception) -> str:
    """What an error of the connection says, or is."""
    return str(error) or type(error).__name__


def _strange(response: httpx.Response) -> str:
    if (place := response.headers.get("Location")) and response.is_redirect:
        return f"{response.url} has moved to {place}; use that address."
    text = response.text
    if "html" in response.headers.get("Content-Type", ""):
        # A page for people: of it, what it is called.
        title = TITLE.search(text)
        text = html.unescape(title[1]) if title is not None else "a page"
    text = " ".join(text.split())[:SHOWN]
    return f"{response.url} answered {response.status_code}: {text or 'nothing'}"
