"""The gather: pieces of any length from any place of any buffer, joined in order."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.versions import make_version
from themisdb_datasets.engine.kernels.gather import VIEW, carried, gather, inline_words
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.rendering.render import Renderer
from themisdb_datasets.engine.versions.version import OpenVersion
from themisdb_datasets.errors import CorruptError


@pytest.mark.parametrize("size", [1, 7, 8, 9, 12, 13, 30])
def test_every_piece_of_a_buffer_comes_out_whole_up_to_its_very_end(size: int) -> None:
    data = bytes(range(200, 200 + size))
    other = b"x" * 20
    pieces = [(start, stop) for start in range(size + 1) for stop in range(start, size + 1)]
    views = np.zeros((len(pieces), 2), VIEW)
    views["buffer"], views["offset"][:, 1], views["length"][:, 1] = [1, 0], 3, 15
    views["offset"][:, 0] = [start for start, _ in pieces]
    views["length"][:, 0] = [stop - start for start, stop in pieces]
    joined = gather(views, [pa.py_buffer(other), pa.py_buffer(data)])
    assert bytes(joined) == b"".join(data[start:stop] + other[:15] for start, stop in pieces)


def test_a_short_piece_beyond_its_buffer_is_refused() -> None:
    for offset, length in ((9, 2), (11, 1), (-1, 1)):
        with pytest.raises(CorruptError):
            carried(np.array([offset]), np.array([length]), pa.py_buffer(b"0123456789"))


def test_a_text_of_more_than_twelve_bytes_does_not_fit_into_a_view() -> None:
    assert bytes(gather(inline_words([b"", b"a", b"twelve bytes"]), [], inlined=True)) == b"atwelve bytes"
    with pytest.raises(ValueError, match="13 bytes"):
        inline_words([b"thirteen byte"])


@pytest.mark.parametrize("span", [(5, 2**32 - 1), (2**32 - 1, 4), (2, 10_000)])
def test_spans_of_other_samples_are_refused_before_anything_is_read(
    tmp_path: Path, span: tuple[int, int]
) -> None:
    version = make_version(tmp_path, [{"text": "a" * 40}, {"text": "b"}])
    spans = np.array(version.parts[0].spans)
    spans[1, 0] = span
    stale = OpenVersion((replace(version.parts[0], spans=spans),), (None,))
    form = Format("text_completion", {"text": parse_value("text")})
    with pytest.raises(CorruptError):
        Renderer(stale, form).lines(np.arange(2), np.zeros(2, np.uint16)).join(0, 2)
