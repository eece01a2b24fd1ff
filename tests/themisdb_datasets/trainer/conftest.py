"""What the tests of trainer share."""

from collections.abc import Iterator
from dataclasses import dataclass

PLAN, OTHER, THIRD = "a1" * 32, "b2" * 32, "c3" * 32
LINES = [f'{{"n": {number}, "text": "{"ä" * (number % 50)}"}}\n'.encode() for number in range(1000)]


@dataclass
class Block:
    data: bytes


def blocks(lines: list[bytes] = LINES, size: int = 7) -> Iterator[Block]:
    for first in range(0, len(lines), size):
        yield Block(b"".join(lines[first : first + size]))
