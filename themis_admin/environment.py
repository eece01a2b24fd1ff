"""Typed reading of environment variables; what cannot be read stops the start with a sentence that names it."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

SIZES = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "b": 1}


def text(name: str, default: str | None = None) -> str:
    """A variable's text; without a default it has to be set."""
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"Set the environment variable {name}.")
    return value


def integer(name: str, default: int, *, least: int = 0) -> int:
    """A whole number, not below `least`."""
    value = os.environ.get(name)
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is a whole number, not {value!r}.") from None
    if number < least:
        raise ImproperlyConfigured(f"{name} is at least {least}, not {number}.")
    return number


def boolean(name: str, default: bool) -> bool:
    """1, true, yes, on and 0, false, no, off."""
    value = os.environ.get(name)
    if value is None or value == "":
        return default
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise ImproperlyConfigured(f"{name} is true or false, not {value!r}.")


def size(name: str, default: int) -> int:
    """Bytes, as a number or with a decimal unit: 250000, 256MB, 4 GB."""
    value = os.environ.get(name)
    if not value:
        return default
    number = value.strip().lower()
    # "b" is the last of SIZES, or every other unit would be taken for it.
    unit = next((unit for unit in SIZES if number.endswith(unit)), "")
    try:
        return int(float(number.removesuffix(unit)) * SIZES.get(unit, 1))
    except (ValueError, OverflowError):
        raise ImproperlyConfigured(f"{name} is a size such as 256MB, not {value!r}.") from None


def words(name: str, default: str = "") -> list[str]:
    """A list, with commas between."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def folder(name: str, default: Path) -> Path:
    """A folder, made absolute."""
    value = os.environ.get(name)
    if value and "://" in value:
        raise ImproperlyConfigured(f"{name} is a folder; addresses such as {value!r} are not supported yet.")
    return Path(value or default).expanduser().resolve()


def database(name: str, default: dict[str, Any]) -> dict[str, Any]:
    """Django's settings for `postgresql://user:password@host:port/name?option=value`, or the default."""
    value = os.environ.get(name)
    if not value:
        return default
    url = urlsplit(value)
    if url.scheme not in ("postgres", "postgresql") or not url.path.strip("/"):
        raise ImproperlyConfigured(f"{name} looks like postgresql://user:password@host:5432/name.")
    options = dict(parse_qsl(url.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path[1:]),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        # A socket's folder has slashes, so it comes as an option: ?host=/run/postgresql
        "HOST": options.pop("host", url.hostname or ""),
        "PORT": str(url.port or options.pop("port", "")),
        "OPTIONS": options,
        # Under ASGI requests run in threads that change, and a connection kept by one would be found by no
        # other (Django's documentation of databases: persistent connections should be disabled there).
        "CONN_MAX_AGE": 0,
    }
