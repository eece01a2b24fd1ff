"""A plan's lines in memory by their number, those dropped that were used longest ago."""

from collections import OrderedDict
from collections.abc import Sequence

from themisdb_datasets.offsets import OffsetIndex

LINE_BYTES = 160  # that a line costs beside its own bytes


class MemoryCache:
    """Lines by their number in one plan, at most `max_bytes` with all that they cost."""

    def __init__(self, *, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.plan = ""
        self._lines: OrderedDict[int, bytes] = OrderedDict()
        self._num_bytes = 0

    def __len__(self) -> int:
        return len(self._lines)

    def use(self, plan: str) -> None:
        """Hold the lines of this plan and of no other."""
        if plan != self.plan:
            self.plan, self._num_bytes = plan, 0
            self._lines.clear()

    def put(self, number: int, line: bytes) -> None:
        """Hold this line too."""
        before = self._lines.pop(number, None)
        if before is not None:
            self._num_bytes -= len(before) + LINE_BYTES
        self._lines[number] = line
        self._num_bytes += len(line) + LINE_BYTES
        while self._num_bytes > self.max_bytes:
            _, dropped = self._lines.popitem(last=False)
            self._num_bytes -= len(dropped) + LINE_BYTES

    def get(self, number: int) -> bytes | None:
        """The line of this number, where it is held; it was used just now then."""
        line = self._lines.get(number)
        if line is not None:
            self._lines.move_to_end(number)
        return line

    def has_all(self, numbers: Sequence[int]) -> bool:
        """Whether all of these are held."""
        return all(number in self._lines for number in numbers)

    def __getitems__(self, numbers: Sequence[int]) -> list[bytes]:
        """The lines of these numbers, all of which are held."""
        return [self._lines[number] for number in numbers]


class HybridLines:
    """Lines that lie on disk, of which those used most are held in memory."""

    def __init__(self, memory: MemoryCache, disk: OffsetIndex) -> None:
        self.memory, self.disk = memory, disk

    def __len__(self) -> int:
        return len(self.disk)

    def __getitems__(self, numbers: Sequence[int]) -> list[bytes]:
        """The lines of these numbers."""
        # All are taken before any is put: putting may drop lines that this very batch wants.
        found = [self.memory.get(number) for number in numbers]
        missing = [number for number, line in zip(numbers, found, strict=True) if line is None]
        read = dict(zip(missing, self.disk.__getitems__(missing), strict=True))
        for number, line in read.items():
            self.memory.put(number, line)
        return [line or read[number] for number, line in zip(numbers, found, strict=True)]
