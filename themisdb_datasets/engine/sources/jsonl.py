"""Read JSONL as bounded blocks of trimmed lines; a line that is too long is passed over without ever being held."""

import base64
import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from themisdb_datasets.newlines import Newlines
from themisdb_datasets.vectors import Bytes, Ints

MAX_LINE_BYTES = 16 << 20
BLOCK_BYTES = 1 << 20
SEARCH_BYTES = 2 << 20  # a block, and what was left of the line before
KEPT_BYTES = 1 << 20  # of a rejected line, so that it can be mended; most texts are shorter
KEPT_UNREAD_BYTES = 1 << 10  # of a line that was too long to read
BOM = b"\xef\xbb\xbf"

# What bytes.strip() takes away.
BLANK = np.zeros(256, bool)
BLANK[list(b" \t\n\r\x0b\x0c")] = True


@dataclass(frozen=True)
class Reject:
    """A line that is not a sample: where it was, why, and (some of) what it said.

    `line` counts from 1; `offset` is where the line starts in the decompressed source; `kept` is the start of its
    `num_bytes` bytes.
    """

    line: int
    offset: int
    reason: str
    message: str
    kept: bytes
    num_bytes: int

    def to_json(self) -> bytes:
        """One line of rejects.jsonl, with its LF."""
        document: dict[str, Any] = {
            "line": self.line,
            "offset": self.offset,
            "reason": self.reason,
            "message": self.message,
        }
        truncated = len(self.kept) < self.num_bytes
        try:
            # A cut may have gone through the middle of a character: the decoder holds that part back.
            document["text"] = codecs.getincrementaldecoder("utf-8")().decode(self.kept, final=not truncated)
        except UnicodeDecodeError:
            document["base64"] = base64.b64encode(self.kept).decode()
        return msgspec.json.encode({**document, "truncated": truncated}) + b"\n"


@dataclass(frozen=True)
class Block:
    """Whole lines of the source, at most about 1 MiB or one line: `data[starts[i]:ends[i]]` is what line i says.

    Blank lines and over-long lines are not among the lines; the latter are in `rejects`. `line_starts[i]` is where
    line i starts in `data` with its whitespace, `stops[i]` its LF, `numbers[i]` its number in the source from 1, and
    `offset` the place of `data[0]` in the source.
    """

    data: bytes
    offset: int
    line_starts: Ints
    starts: Ints
    ends: Ints
    stops: Ints
    numbers: Ints
    rejects: list[Reject]

    def __len__(self) -> int:
        return len(self.starts)

    def reject(self, row: int, reason: str, message: str) -> Reject:
        """Line `row` of this block as a reject."""
        start, end = int(self.starts[row]), int(self.ends[row])
        return Reject(
            line=int(self.numbers[row]),
            offset=self.offset + int(self.line_starts[row]),
            reason=reason,
            message=message,
            kept=self.data[start : min(end, start + KEPT_BYTES)],
            num_bytes=end - start,
        )


@dataclass
class _Unread:
    """The line that is being passed over."""

    line: int
    offset: int
    kept: bytes
    num_bytes: int
    blank: bool


class LineScanner:
    """The lines of a stream of bytes, a block at a time; a line may end in LF or CRLF, the last one in nothing."""

    def __init__(self, chunks: Iterable[bytes], *, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self.num_blank = 0
        self._chunks = chunks
        self._max = max_line_bytes
        self._line = 0  # lines that have ended
        self._unread: _Unread | None = None
        self._rejects: list[Reject] = []
        self._newlines = Newlines(SEARCH_BYTES)

    def blocks(self) -> Iterator[Block]:
        """All blocks, in order; the same whatever the sizes of the chunks."""
        begun: list[bytes] = []  # the pieces of a line that has not ended
        offset = 0  # of the first of them
        for window in _windows(self._chunks):
            if self._unread is not None:
                rest = self._pass_over(self._unread, window)
                if rest is None:
                    continue
                offset = self._unread.offset + self._unread.num_bytes + 1
                self._unread, window = None, rest
            # Up to the last LF of the window is a block; what follows is the beginning of the next one.
            end = window.rfind(b"\n") + 1
            if end:
                data = b"".join((*begun, memoryview(window)[:end]))
                yield self._block(data, offset)
                offset += len(data)
                begun = []
                del data  # or it would be held while the next one is read
            begun.append(window[end:])
            size = sum(map(len, begun))
            if size > self._max:
                # The line is too long already: from here on only its length, its start and whether it is
                # blank are kept.
                blank = all(not piece or piece.isspace() for piece in begun)
                kept = b"".join(begun)[:KEPT_UNREAD_BYTES]
                self._unread = _Unread(self._line + 1, offset, kept, size, blank)
                begun = []
        if self._unread is not None:
            self._end_unread(self._unread)
        if any(begun):
            yield self._block(b"".join((*begun, b"\n")), offset)
        elif self._rejects:
            # A block without lines, so that the last rejects are told.
            yield self._block(b"", offset)

    def _pass_over(self, line: _Unread, window: bytes) -> bytes | None:
        """What follows the unread line in `window`, or None where the line goes on."""
        end = window.find(b"\n")
        piece = window if end < 0 else window[:end]
        line.num_bytes += len(piece)
        line.blank = line.blank and (not piece or piece.isspace())
        if end < 0:
            return None
        self._end_unread(line)
        return window[end + 1 :]

    def _end_unread(self, line: _Unread) -> None:
        self._line += 1
        if line.blank:
            self.num_blank += 1
        else:
            self._rejects.append(self._too_long(line.line, line.offset, line.kept, line.num_bytes))

    def _too_long(self, line: int, offset: int, kept: bytes, num_bytes: int) -> Reject:
        message = f"The line has {num_bytes:,} bytes; at most {self._max:,} are read."
        return Reject(line, offset, "line_too_long", message, kept[:KEPT_UNREAD_BYTES], num_bytes)

    def _block(self, data: bytes, offset: int) -> Block:
        array = np.frombuffer(data, np.uint8)
        stops = self._stops(array)
        line_starts = np.concatenate(([0], stops[:-1] + 1))[: len(stops)]
        numbers = np.arange(self._line + 1, self._line + 1 + len(stops))
        starts, ends = _trimmed(data, array, line_starts, stops)
        # A line may be shorter than a window and still too long, where the limit is low.
        said = ends > starts
        long = said & (stops - line_starts > self._max)
        rejects, self._rejects = self._rejects, []
        for row in np.flatnonzero(long).tolist():
            kept = data[line_starts[row] : min(stops[row], line_starts[row] + KEPT_UNREAD_BYTES)]
            size = int(stops[row] - line_starts[row])
            rejects.append(self._too_long(int(numbers[row]), offset + int(line_starts[row]), kept, size))
        self._line += len(stops)
        self.num_blank += len(stops) - int(np.count_nonzero(said))
        keep = np.flatnonzero(said & ~long)
        return Block(
            data, offset, line_starts[keep], starts[keep], ends[keep], stops[keep], numbers[keep], rejects
        )

    def _stops(self, array: Bytes) -> Ints:
        if len(array) <= SEARCH_BYTES:
            return self._newlines.places(array)
        starts = range(0, len(array), SEARCH_BYTES)
        return np.concatenate([self._newlines.places(array[at : at + SEARCH_BYTES]) + at for at in starts])


def _windows(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of exactly BLOCK_BYTES, so that nothing depends on how they arrived."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        start = 0
        while len(chunk) - start + size >= BLOCK_BYTES:
            end = start + BLOCK_BYTES - size
            held.append(chunk[start:end])
            yield b"".join(held)
            held, size, start = [], 0, end
        if start < len(chunk):
            held.append(chunk[start:])
            size += len(chunk) - start
    if held:
        yield b"".join(held)


def _trimmed(data: bytes, array: Bytes, line_starts: Ints, stops: Ints) -> tuple[Ints, Ints]:
    """Where each line's content starts and ends, without outer whitespace and without a BOM before it."""
    starts, ends = line_starts.copy(), stops.copy()
    # One byte a round from both sides of all lines at once. `starts` never passes the LF, so `array[starts]`
    # is within the block also for blank lines.
    for _ in range(4):  # a CR, or a few spaces
        some = starts < ends
        left = some & BLANK[array[starts]]
        right = some & BLANK[array[ends - 1]]
        starts += left
        ends -= right & (starts < ends)
        if not left.any() and not right.any():
            break
    some = starts < ends
    marked = array[starts] == BOM[0]
    odd = some & (BLANK[array[starts]] | BLANK[array[ends - 1]] | marked)
    # Few lines have more whitespace than that, or a BOM: these are trimmed one by one.
    for row in np.flatnonzero(odd).tolist():
        line = data[starts[row] : ends[row]].strip()
        content = line.removeprefix(BOM).lstrip()
        end = int(starts[row]) + len(data[starts[row] : ends[row]].rstrip())
        starts[row], ends[row] = end - len(content), end
    return starts, ends
