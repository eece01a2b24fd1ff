"""What all commands share: the client, whether the output is JSON, tables, progress bars, and how errors are told."""

import errno
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click
import msgspec

from themisdb_datasets.client.client import Client
from themisdb_datasets.client.connection import Backoff
from themisdb_datasets.errors import LimitError, ThemisError

Command = TypeVar("Command", bound=Callable[..., Any])

REMEDIES = {
    errno.ENOSPC: "Make room, and call it again.",
    errno.EDQUOT: "Make room, and call it again.",
    errno.EEXIST: "A folder is needed there; choose another name.",
    errno.ENOTDIR: "A folder is needed there; choose another name.",
    errno.ENOENT: "Make its folder first, or choose another name.",
    errno.EACCES: "Choose a place where you may write.",
    errno.EPERM: "Choose a place where you may write.",
    errno.EROFS: "Choose a place where you may write.",
}
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


class Session:
    """One call of the command."""

    def __init__(self) -> None:
        self.as_json = False
        self.url: str | None = None
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """The client, made when it is first needed."""
        if self._client is None:
            # Somebody waits at the terminal, and sees what it waits for by the bar only.
            self._client = Client(self.url, backoff=Backoff(patience=120))
        return self._client

    @property
    def has_asked(self) -> bool:
        """Whether anything was asked of a server."""
        return self._client is not None

    def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            self._client.close()

    def answer(self, document: Any, text: str = "") -> None:
        """Print the document as JSON where that is asked for, else the text."""
        if self.as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))
        elif text:
            click.echo("\n".join(map(printable, text.split("\n"))))

    @contextmanager
    def bar(self, label: str, *, unit: str = "B") -> Iterator[Callable[[int, int | None], None]]:
        """A progress bar on standard error, told how much is done of how much; nothing where nobody sees it."""
        shown = Bar(label, unit, hidden=self.as_json or not sys.stderr.isatty())
        try:
            yield shown
        finally:
            shown.close()


class Bar:
    """One line that says how far something is."""

    def __init__(self, label: str, unit: str, *, hidden: bool) -> None:
        self.label, self.unit, self.hidden = label, unit, hidden
        self._bar: Any = None
        self._done = 0

    def __call__(self, done: int, total: int | None) -> None:
        if self.hidden or not total:
            return
        if self._bar is None:
            self._bar = click.progressbar(
                length=total,
                label=self.label,
                file=sys.stderr,
                show_eta=True,
                item_show_func=lambda _: self._so_far(total),
                update_min_steps=max(total // 1000, 1),
            )
            self._bar.__enter__()
        step, self._done = done - self._done, done
        self._bar.update(step)

    def close(self) -> None:
        """Leave the line as it is."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)

    def _so_far(self, total: int) -> str:
        if self.unit == "B":
            return f"{size(self._done)} of {size(total)}"
        return f"{self._done:,} of {total:,} {self.unit}".rstrip()


def with_options(command: Command) -> Command:
    """Give a command the options that all have, wherever they stand."""

    def set_json(ctx: click.Context, option: click.Parameter, value: bool) -> None:
        session = ctx.ensure_object(Session)
        session.as_json = session.as_json or value

    def set_url(ctx: click.Context, option: click.Parameter, value: str | None) -> None:
        session = ctx.ensure_object(Session)
        session.url = value or session.url

    command = click.option(
        "--url", callback=set_url, expose_value=False, help="Where Themis is, instead of THEMIS_URL."
    )(command)
    return click.option(
        "--json", is_flag=True, callback=set_json, expose_value=False, is_eager=True, help="Answer in JSON."
    )(command)


def with_session(command: Command) -> Command:
    """Give a command its session as the first argument, and the options that all have."""
    return click.pass_obj(with_options(command))  # type: ignore[return-value]


def failed(session: Session, error: ThemisError) -> None:
    """Tell an error on standard error."""
    if session.as_json:
        document: dict[str, Any] = {
            "status": "error",
            "error": error.message,
            "code": error.code,
            "fields": error.fields,
        }
        if isinstance(error, LimitError):
            document["retry_after"] = error.retry_after
        click.echo(msgspec.json.encode(document), err=True)
    else:
        click.echo(f"Error: {printable(error.message)}", err=True)


def system_error(error: OSError) -> ThemisError:
    """What the system refuses, and what helps."""
    place = f"{error.filename}: " if isinstance(error.filename, str) else ""
    remedy = REMEDIES.get(error.errno or 0, "")
    return ThemisError(f"{place}{error.strerror or error}. {remedy}".rstrip(), code="system")


def table(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> str:
    """Rows as columns under their names, numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    right = [all(isinstance(row[n], int) for row in rows) and bool(rows) for n in range(len(header))]
    widths = [max(len(line[n]) for line in (header, *cells)) for n in range(len(header))]
    lines = []
    for line in (header, *cells):
        padded = (
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        )
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def printable(text: str) -> str:
    """The text without what would move the terminal's cursor, for others may have named it."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return printable(str(value))


def size(num_bytes: int) -> str:
    """Bytes as a person reads them: 1.7 GB."""
    number, unit = float(num_bytes), 0
    while number >= 1000 and unit < len(UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.0f} {UNITS[unit]}" if not unit or number >= 100 else f"{number:.1f} {UNITS[unit]}"
