"""themis login, themis logout: the address and the token are kept in a file that only its owner can read."""

import os
import sys
from typing import Any

import click
import msgspec

from themisdb_datasets.client.client import Client
from themisdb_datasets.client.connection import checked_token, checked_url, login_path, read_login
from themisdb_datasets.commands.session import Session, with_session
from themisdb_datasets.errors import AuthError, MalformedError, ThemisError


@click.command()
@with_session
@click.argument("address", required=False)
def login(session: Session, address: str | None) -> None:
    """Remember the ADDRESS of a Themis, and a token for it.

    The token is asked for, or read from standard input where that is no terminal: it belongs neither into a command line
    nor into a shell's history. Make one in the console, under Tokens.
    """
    address = address or session.url or os.environ.get("THEMIS_URL") or _known_url()
    asks = sys.stdin.isatty()
    if not address:
        if not asks:  # what stands there is the token
            raise MalformedError("Which Themis? Write: themis login ADDRESS", code="no_server")
        address = click.prompt("Address of Themis", default="http://127.0.0.1:8000")
    url = checked_url(address)
    text = click.prompt("Token", hide_input=True) if asks else sys.stdin.readline()
    if not text.strip():
        raise AuthError(
            "Standard input has no token; write it there, or call it in a terminal.", code="no_token"
        )
    token = checked_token(text)
    with Client(url, token) as client:
        next(client.pages("datasets/", page_size=1), None)  # before anything is written: does it work?
        about = _about(client, token)
    _write({"url": url, "token": token})
    scopes = ", ".join(about.get("scopes", ()))
    name = about.get("created_by", "")
    session.answer(
        {
            "url": url,
            "user": name or None,
            "scopes": about.get("scopes"),
            "expires_at": about.get("expires_at"),
        },
        f"Logged in to {url}" + (f" as {name}" if name else "") + (f" ({scopes})" if scopes else "") + ".",
    )


@click.command()
@with_session
def logout(session: Session) -> None:
    """Forget the address and the token; the token itself stays valid until it is revoked."""
    path = login_path()
    path.unlink(missing_ok=True)
    session.answer({"removed": str(path)}, f"{path} is gone.")


def _known_url() -> str | None:
    try:
        return read_login().get("url")
    except ThemisError:  # what cannot be read is written anew
        return None


def _about(client: Client, token: str) -> dict[str, Any]:
    """What the server says about the token."""
    return next((each for each in client.pages("tokens/") if token.startswith(each["prefix"])), {})


def _write(document: dict[str, str]) -> None:
    """Write the file whole, and never readable by others."""
    path = login_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600, exist_ok=False)
    draft.write_bytes(msgspec.json.encode(document))
    draft.replace(path)
