"""A sample at the trainer."""

import msgspec
import pytest

from themisdb_datasets.trainer.sample import Sample, parse, parse_all, parse_lines


def test_lines_are_the_same_samples_one_by_one_and_together() -> None:
    lines = ['{"id": 1, "t": "ä"}'.encode(), b'{"id": 2, "n": [1.5, null]}', b"{}"]
    expected = [{"id": 1, "t": "ä"}, {"id": 2, "n": [1.5, None]}, {}]
    assert [parse(line) for line in lines] == expected
    assert parse_all(lines) == expected
    assert parse_lines(b"\n".join(lines) + b"\n\n") == expected
    assert all(
        type(sample) is Sample for sample in [parse(lines[0]), *parse_all(lines), *parse_lines(lines[1])]
    )


@pytest.mark.parametrize("line", [b"[1]", b"3", b'{"a": 1', b"null"])
def test_what_is_no_object_is_no_sample(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        parse(line)
    with pytest.raises(msgspec.DecodeError):
        parse_lines(b"{}\n" + line)
