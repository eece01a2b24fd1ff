"""A .npy file that grows is one that NumPy opens."""

from pathlib import Path

import numpy as np
import pytest

from themisdb_datasets.engine.kernels.npy import HEADER, NpyWriter


@pytest.mark.parametrize(("dtype", "shape"), [("<u2", ()), ("<i8", (3,)), ("<f8", (2, 2)), ("u1", ())])
def test_numpy_opens_what_was_appended(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    rows = np.arange(7 * int(np.prod(shape, dtype=int))).reshape(7, *shape)
    with NpyWriter(tmp_path / "a.npy", dtype, shape) as writer:
        for part in (rows[:2], rows[2:2], rows[2:]):
            writer.append(part)
    assert writer.num_rows == 7
    read = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert (read.dtype, read.shape) == (np.dtype(dtype), rows.shape)
    assert read.tolist() == rows.tolist()
    assert read.offset == HEADER


def test_rows_of_another_type_or_order_are_written_in_the_files_own(tmp_path: Path) -> None:
    with NpyWriter(tmp_path / "a.npy", "<i4", (2,)) as writer:
        writer.append(np.asfortranarray([[1, 2], [3, 4]], dtype=np.int64))
        writer.append(np.arange(8, dtype=">i4").reshape(4, 2)[::2])
    assert np.load(tmp_path / "a.npy").tolist() == [[1, 2], [3, 4], [0, 1], [4, 5]]


def test_nothing_is_an_array_without_rows(tmp_path: Path) -> None:
    with NpyWriter(tmp_path / "a.npy", "<u4", (5,)):
        pass
    assert np.load(tmp_path / "a.npy").shape == (0, 5)


def test_a_file_that_broke_off_is_no_array(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), NpyWriter(tmp_path / "a.npy", "<u4") as writer:
        writer.append(np.arange(100))
        raise RuntimeError
    with pytest.raises(ValueError):
        np.load(tmp_path / "a.npy")
