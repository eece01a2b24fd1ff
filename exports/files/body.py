"""What the body of a request for files may say, and whether what it asks for is possible."""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from exports.delivery import opening
from exports.delivery.opening import OpenedDelivery
from exports.limits import Consumer
from exports.requests.body import StreamBody, parse_body
from themisdb_datasets.engine.plans.files import TYPES
from themisdb_datasets.errors import MalformedError, place_and_reason
from themisdb_datasets.names import check_names, nearest


class FileOptions(msgspec.Struct, forbid_unknown_fields=True):
    """The part `file` of an export's body: what kind of file, and where it is cut."""

    type: str = "jsonl"
    max_bytes: Annotated[int, Meta(ge=1, le=1 << 50)] | None = None


@dataclass(frozen=True)
class FileRequest:
    """A request for files that was found to be possible."""

    body: StreamBody
    file: FileOptions
    opened: OpenedDelivery


def parse_file(document: Any) -> FileOptions:
    """Check the part `file`; MalformedError names what is wrong."""
    if not isinstance(document, dict):
        raise MalformedError.at(
            "file", 'file says what to make, such as {"type": "jsonl.zst"}.', code="bad_parameter"
        )
    try:
        check_names(document, FileOptions.__struct_fields__, what="parameter")
        options = msgspec.convert(document, FileOptions, strict=True)
    except MalformedError as error:
        raise MalformedError.at(
            f"file.{next(iter(error.fields))}", error.sentence, code="bad_parameter", **error.values
        ) from None
    except msgspec.ValidationError as error:
        name, reason = place_and_reason(error)
        place = f"file.{name}"
        raise MalformedError.at(
            place,
            "{place}: {reason}.",
            code="bad_parameter",
            place=place,
            reason=reason,
        ) from None
    if options.type not in TYPES:
        raise MalformedError.at(
            "file.type",
            "{type!r} is no type of file{hint}; there are {known}.",
            code="bad_parameter",
            type=options.type,
            hint=nearest(options.type, TYPES),
            known=", ".join(TYPES),
        )
    return options


def open_export(document: Any, *, consumer: Consumer) -> FileRequest:
    """Check a request for files, all that can be refused at once: its words, its plan, and the limit of new plans."""
    if not isinstance(document, dict):
        raise MalformedError('The body is one JSON object, such as {"theme": "Datenschutz", "file": {}}.')
    file = parse_file(document.get("file", {}))
    # The rest is the body of a stream, word for word, so whatever can be streamed can be made into files.
    body = parse_body({name: value for name, value in document.items() if name != "file"})
    if body.stream_mode == "continuous":
        raise MalformedError.at(
            "stream_mode", "A file ends; leave stream_mode out, or stream.", code="bad_parameter"
        )
    opened = opening.open_request(body, consumer.user, consumer=consumer.counting(dry_run=body.dry_run))
    if opened.delivery.plan.continuous:
        raise MalformedError.at(
            "cursor",
            "This is the cursor of a continuous stream; a file ends, so start it without the cursor.",
            code="bad_parameter",
        )
    return FileRequest(body, file, opened)
