"""How much a file may unpack to: a few kilobytes can be made to unpack to terabytes."""

from collections.abc import Iterator
from dataclasses import dataclass

from themisdb_datasets.errors import TooLargeError


@dataclass(frozen=True)
class UnpackingLimits:
    """The most bytes that a file may unpack to, and how many times its own size; None for no limit.

    Up to `free_bytes` it may be as many times as it likes: one value repeated packs to next to nothing.
    """

    max_bytes: int | None = None
    max_ratio: int | None = None
    free_bytes: int = 64 << 20

    def guarded(self, chunks: Iterator[bytes], *, name: str, packed: int) -> Iterator[bytes]:
        """The chunks that a file of `packed` bytes unpacks to; TooLargeError before the first one that is too much."""
        unpacked = 0
        for chunk in chunks:
            unpacked += len(chunk)
            if self.max_bytes is not None and unpacked > self.max_bytes:
                raise TooLargeError(
                    f"{name} unpacks to more than {self.max_bytes:,} bytes, the limit max_unpacked_bytes."
                    " Send it in several files, or have the limit raised.",
                    code="unpacked_too_large",
                    fields={"limit": "max_unpacked_bytes", "max_unpacked_bytes": self.max_bytes},
                )
            if self.max_ratio is not None and unpacked > max(self.max_ratio * packed, self.free_bytes):
                raise TooLargeError(
                    f"{name} unpacks to more than {self.max_ratio:,} times its size, the limit max_unpacked_ratio."
                    " Send it unpacked, or have the limit raised.",
                    code="unpacked_too_large",
                    fields={"limit": "max_unpacked_ratio", "max_unpacked_ratio": self.max_ratio},
                )
            yield chunk


NO_LIMITS = UnpackingLimits()
