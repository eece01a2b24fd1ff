"""A .npy file that grows: rows are appended, and the header is written last, when their number is known.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

HEADER = 128  # bytes, enough for a header of any number of rows


class NpyWriter:
    """Writes rows of one type and shape to `path`; used as a context, which completes the file where all went well."""

    def __init__(self, path: Path, dtype: npt.DTypeLike, shape: tuple[int, ...] = ()) -> None:
        self.dtype = np.dtype(dtype)
        self.shape = shape
        self.num_rows = 0
        self._file = path.open("wb")
        self._file.seek(HEADER)

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Add rows [n, *shape]."""
        self._file.write(np.ascontiguousarray(rows, self.dtype).data)
        self.num_rows += len(rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            descr = np.lib.format.dtype_to_descr(self.dtype)
            shape = (self.num_rows, *self.shape)
            text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
            start = np.lib.format.MAGIC_PREFIX + bytes([1, 0]) + (HEADER - 10).to_bytes(2, "little")
            self._file.seek(0)
            self._file.write(start + text.ljust(HEADER - len(start) - 1) + b"\n")
        self._file.close()
