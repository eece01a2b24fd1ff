"""One sample at the trainer: a dict of its own kind, so that batches can be made of samples that lack a key."""

from collections.abc import Iterable
from typing import Any

import msgspec

_DECODER = msgspec.json.Decoder(dict[str, Any])


class Sample(dict[str, Any]):
    """A sample's line, parsed."""


def parse(line: bytes) -> Sample:
    """The sample of a line."""
    return Sample(_DECODER.decode(line))


def parse_all(lines: Iterable[bytes]) -> list[Sample]:
    """The samples of these lines, with or without their LF; a sixth faster together than one by one."""
    return parse_lines(b"\n".join(lines))


def parse_lines(lines: bytes) -> list[Sample]:
    """The samples of whole lines; empty ones are none."""
    return list(map(Sample, _DECODER.decode_lines(lines)))
