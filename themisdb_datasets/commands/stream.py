"""themis stream: the samples of a query, to standard output or into a file that goes on where it broke off."""

import sys
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from themisdb_datasets.artifacts import place_file
from themisdb_datasets.client.download import only_here
from themisdb_datasets.client.streams import SampleStream
from themisdb_datasets.commands.places import complete_dataset, complete_theme
from themisdb_datasets.commands.session import Session, size, with_session
from themisdb_datasets.errors import ConflictError, MalformedError, ThemisError

NOTED_BYTES = 16 << 20  # so often it is noted how far the file is


class Standing(msgspec.Struct):
    """How far a file is: so many lines and bytes of a query's plan are in it, and it goes on at the cursor."""

    query: dict[str, Any]
    cursor: str
    num_lines: int
    num_bytes: int
    num_samples: int


@click.command()
@with_session
@click.argument("theme", required=False, shell_complete=complete_theme)
@click.option(
    "--dataset",
    help="Name or id; needed where the theme's name is not unique.",
    shell_complete=complete_dataset,
)
@click.option("--dataset-version", "version", help="Number, digest, label or latest.")
@click.option("--split", help="train, validation, …")
@click.option("--format", "form", help="instruction_tuning, chat_completion, text_completion, raw, alpaca, …")
@click.option("--order", help="stored, shuffled or weighted.")
@click.option("--seed", type=int)
@click.option("--epoch", type=int)
@click.option("--from-date", help="YYYY-MM-DD.")
@click.option("--to-date", help="YYYY-MM-DD; the day belongs to it.")
@click.option("--rank", type=int)
@click.option("--world-size", type=int)
@click.option("--limit", type=int, help="So many lines.")
@click.option("--cursor", help="Go on there; it says all else.")
@click.option("-q", "--query", help="Further fields of the export API as JSON, or @FILE with them.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file instead of standard output.",
)
@click.option("--dry-run", is_flag=True, help="Say what would come.")
def stream(session: Session, query: str | None, output: Path | None, dry_run: bool, **options: Any) -> None:
    """Write the samples of a THEME as JSON lines, as a trainer would get them.

    Broken connections are mended unseen. With --output the file appears when it is whole; called again after a break, the
    same command goes on with it.
    """
    body = _body(query, options)
    if dry_run:
        plan = session.client.plan(body)
        lines = "\n".join(plan.answer["lines"])
        summary = f"{plan.num_samples:,} samples, about {size(plan.answer['estimated_bytes'])}\n{plan.cursor}\n{lines}"
        session.answer(plan.answer, summary)
    elif output is None:
        with session.client.stream(body) as samples:
            for block in samples:
                sys.stdout.buffer.write(block.data)
            sys.stdout.buffer.flush()
    else:
        _write(session, body, output)


def _body(query: str | None, options: dict[str, Any]) -> dict[str, Any]:
    """The request's body: what --query holds, and over it the options that were given."""
    body: dict[str, Any] = {}
    if query is not None:
        try:
            text = Path(query[1:]).read_bytes() if query.startswith("@") else query.encode()
            body = msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeError) as error:
            raise MalformedError(f"--query is one JSON object: {error}") from None
        except OSError as error:
            raise MalformedError(f"--query cannot be read: {error}") from None
    options["format"] = options.pop("form")
    return body | {name: value for name, value in options.items() if value is not None}


def _write(session: Session, query: dict[str, Any], output: Path) -> None:
    """Write the stream into `output`, by way of a draft beside it that another call can go on with."""
    if output.exists():
        raise ConflictError(f"{output} is there already; remove it or choose another name.")
    draft, note = (output.with_name(f"{output.name}.part{ending}") for ending in ("", ".json"))
    with only_here(draft, what=str(output)) as file, session.bar(output.name, unit="samples") as report:
        known = _known(note, draft)
        if known is not None and known.query != query:
            raise ConflictError(f"{draft} was begun with another query; remove it and {note} to start anew.")
        # It is written at its end, which is where the note says that it is whole.
        file.truncate(known.num_bytes if known is not None else 0)
        samples = session.client.stream(query)
        if known is None:
            _opened(samples, draft)
        else:
            beside: dict[str, Any] = {
                name: query[name] for name in ("rank", "world_size", "drop_last") if name in query
            }
            left = known.num_samples - known.num_lines
            samples = session.client.stream(beside | {"cursor": known.cursor}, limit=left)
        with samples:
            standing = _copy(samples, file, known, query=query, note=note, report=report)
    place_file(draft, output)
    note.unlink(missing_ok=True)
    summary = f"{standing.num_lines:,} samples, {size(standing.num_bytes)}\n{standing.cursor}"
    document = {"path": str(output), "num_samples": standing.num_lines, "num_bytes": standing.num_bytes}
    session.answer(
        {**document, "plan": samples.plan, "version": samples.version, "cursor": standing.cursor}, summary
    )


def _opened(samples: SampleStream, draft: Path) -> None:
    """Ask for the stream; nothing is left of one that is refused."""
    try:
        if samples.num_samples is None:
            raise MalformedError(
                "A continuous stream has no end, so no file of it is ever whole; leave --output out."
            )
    except ThemisError:
        draft.unlink()
        raise


def _copy(
    samples: SampleStream,
    file: BinaryIO,
    known: Standing | None,
    *,
    query: dict[str, Any],
    note: Path,
    report: Any,
) -> Standing:
    """Copy all lines, and note now and then how far it is; also when it fails, so that nothing has to come twice."""
    assert samples.num_samples is not None
    lines, done = (known.num_lines, known.num_bytes) if known is not None else (0, 0)
    standing = Standing(query, samples.cursor, lines, done, lines + samples.num_samples)
    try:
        for block in samples:
            file.write(block.data)
            standing.cursor = samples.cursor
            standing.num_lines += block.num_lines
            standing.num_bytes += len(block.data)
            report(standing.num_lines, standing.num_samples)
            if standing.num_bytes - done >= NOTED_BYTES:
                done = standing.num_bytes
                _note(file, note, standing)
    finally:
        _note(file, note, standing)
    return standing


def _note(file: BinaryIO, note: Path, standing: Standing) -> None:
    """The lines first, then the note that says that they are there."""
    file.flush()
    draft = note.with_name(f".{note.name}")
    draft.write_bytes(msgspec.json.encode(standing))
    draft.replace(note)


def _known(note: Path, draft: Path) -> Standing | None:
    try:
        known = msgspec.json.decode(note.read_bytes(), type=Standing)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return known if draft.is_file() and draft.stat().st_size >= known.num_bytes else None
