"""The command `themis`: what one does with a Themis from a terminal."""

import os
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

import click

from themisdb_datasets.commands.session import Session, failed, system_error, with_options
from themisdb_datasets.errors import MalformedError, ThemisError
from themisdb_datasets.names import nearest

# Name -> what it does; the module of each is imported when it is called.
COMMANDS = {
    "login": "Remember an address and a token.",
    "logout": "Forget them.",
    "ls": "List datasets, versions, themes, snapshots, indexes, exports, …",
    "pull": "Download a snapshot, an index, an export or a link.",
    "stream": "Write samples, as a trainer would get them.",
    "verify": "Compare what was downloaded with its digests.",
    "diff": "Say how two versions differ.",
    "push": "Send files and ingest them as a new version.",
    "completion": "Print a shell's completions.",
}
COMPLETE = "_THEMIS_COMPLETE"  # set by a shell that wants completions
WANTS_JSON = f"{__name__}.wants_json"


class ThemisCommands(click.Group):
    """The group of all commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            ctx.fail(f"There is no command {name!r}{nearest(name, COMMANDS)}.")
        command: click.Command = getattr(import_module(f"{__name__}.{_place(name)}"), name)
        command.short_help = COMMANDS[name]  # as shells show it
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, *args: Any, **options: Any) -> Any:
        """Run as a program; where a shell wants completions, as our own classes give them."""
        _open_standard_streams()
        if COMPLETE in os.environ:
            import_module(f"{__name__}.completion")
        try:
            return super().main(*args, **{"complete_var": COMPLETE, **options})
        except OSError as error:  # of help that has no room
            failed(Session(), system_error(error))
            sys.exit(1)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What is written wrongly is told in JSON too where that is asked for, before anything is understood."""
        ctx.meta[WANTS_JSON] = "--json" in args
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            _misused(ctx, error)

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; an error that is meant is one sentence and the exit code 1."""
        session = ctx.ensure_object(Session)
        try:
            super().invoke(ctx)
        except click.UsageError as error:
            _misused(ctx, error)
        except ThemisError as error:
            failed(session, error)
            ctx.exit(1)
        except OSError as error:
            if isinstance(error, BrokenPipeError):  # whoever reads has enough
                raise
            failed(session, system_error(error))
            ctx.exit(1)
        except UnicodeEncodeError:
            message = "An argument or the name of a file is not UTF-8; give it another name."
            failed(session, MalformedError(message, code="not_utf8"))
            ctx.exit(1)
        except (LookupError, TypeError) as error:  # an answer that lacks what all of ours have
            if not session.has_asked:
                raise
            what = f"{type(error).__name__}: {error}"
            message = f"What answers is no Themis, or another version of it ({what})."
            failed(session, MalformedError(message, code="no_themis"))
            ctx.exit(1)
        finally:
            session.close()


def _open_standard_streams() -> None:
    """Whoever closed one, as a daemon may, neither gives nor wants anything there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - as long as the process lives


def _misused(ctx: click.Context, error: click.UsageError) -> NoReturn:
    if not ctx.meta[WANTS_JSON]:
        raise error
    session = ctx.ensure_object(Session)
    session.as_json = True
    failed(session, MalformedError(error.format_message(), code="usage"))
    ctx.exit(error.exit_code)


def _place(name: str) -> str:
    return "login" if name == "logout" else name


def _version() -> str:
    try:
        return version("themisdb-datasets")
    except PackageNotFoundError:  # a checkout
        return "0"


@click.command(cls=ThemisCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), message="%(version)s")
@with_options
def main() -> None:
    """Themis from a terminal. The address and the token are those of THEMIS_URL and THEMIS_TOKEN, or of themis login."""
