"""The two other ways to render that the engine is measured beside: parse and write with orjson, and a bare gather."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from themisdb_datasets.engine.kernels.gather import INLINE, VIEW
from themisdb_datasets.engine.shards.shard import Shard
from themisdb_datasets.vectors import Ints


def with_orjson(shards: tuple[Shard, ...], fields: list[str], weight: float) -> Iterator[bytes]:
    """Each line parsed, a new object made of it and written, as a straightforward exporter does."""
    instruction, output = fields
    for shard in shards:
        data = memoryview(shard.buffer)
        for _, offset, size in shard.locations.tolist():
            sample = orjson.loads(data[offset : offset + size])
            line = {"instruction": sample.get(instruction), "output": sample.get(output), "weight": weight}
            yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


class BareGather:
    """The least that a gather can be: one shard's spans in memory, no optional pieces, no checks beyond the bounds."""

    def __init__(self, shard: Shard, fields: list[str], weight: bytes) -> None:
        columns = [field.span for name in fields if (field := shard.field(name)) is not None]
        begin = shard.locations[:, 1].astype(np.int64)
        self.offset = np.stack([begin + shard.spans[:, column, 0] for column in columns], axis=1)
        self.length = np.stack([shard.spans[:, column, 1].astype(np.int64) for column in columns], axis=1)
        pieces = [b'{"instruction":', b',"output":', b',"weight":' + weight + b"}\n"]
        self.place = np.cumsum([0, *(len(piece) for piece in pieces)])
        self.buffers = [shard.buffer, pa.py_buffer(b"".join(pieces))]

    def chunks(self, batch: int = 2048, *, order: Ints | None = None) -> Iterator[memoryview]:
        """All lines in stored order, or in that of a list of indices."""
        total, fields = self.offset.shape
        for start in range(0, total, batch):
            stop = min(start + batch, total)
            rows = slice(start, stop) if order is None else order[start:stop]
            views = np.zeros((stop - start, 2 * fields + 1), VIEW)
            for number in range(fields + 1):
                views["buffer"][:, 2 * number], views["offset"][:, 2 * number] = 1, self.place[number]
                views["length"][:, 2 * number] = self.place[number + 1] - self.place[number]
            for number in range(fields):
                views["offset"][:, 2 * number + 1] = self.offset[rows, number]
                views["length"][:, 2 * number + 1] = self.length[rows, number]
            yield self._join(views.reshape(-1))

    def _join(self, views: npt.NDArray[np.void]) -> memoryview:
        sizes = np.array([buffer.size for buffer in self.buffers])
        if (views["offset"].astype(np.int64) + views["length"] > sizes[views["buffer"]]).any():
            raise ValueError("a span lies outside its file")
        self._inline(views)
        joined = pa.Array.from_buffers(
            pa.binary_view(), len(views), [None, pa.py_buffer(views), *self.buffers]
        )
        return memoryview(joined.cast(pa.large_binary()).buffers()[2])

    def _inline(self, views: npt.NDArray[np.void]) -> None:
        short = np.flatnonzero(views["length"] <= INLINE)
        part, raw = views[short].copy(), views.view(np.uint8).reshape(-1, VIEW.itemsize)
        raw[short, 4:] = 0
        for number, buffer in enumerate(self.buffers):
            data, mine = np.frombuffer(buffer, np.uint8), np.flatnonzero(part["buffer"] == number)
            for size in np.unique(part["length"][mine]).tolist():
                same = mine[part["length"][mine] == size]
                raw[short[same][:, None], 4 + np.arange(size)] = data[
                    part["offset"][same][:, None] + np.arange(size)
                ]
