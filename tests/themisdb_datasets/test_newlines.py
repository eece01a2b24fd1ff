"""Line ends are found where they are, however many stand together."""

import random

import numpy as np
import pytest

from themisdb_datasets.newlines import Newlines


def plain(data: bytes) -> list[int]:
    return [place for place, byte in enumerate(data) if byte == 10]


@pytest.mark.parametrize("seed", range(20))
def test_places_are_those_of_a_plain_walk(seed: int) -> None:
    rng = random.Random(seed)
    finder = Newlines(1000)
    for _ in range(20):
        # From hardly any to nearly all; bytes that differ from a LF in one bit stand in between.
        share = rng.choice([0.0, 0.01, 0.2, 0.9, 1.0])
        length = rng.randrange(1001)
        data = bytes(
            10 if rng.random() < share else rng.choice(b"\x0b\x08\x0e\x02\x8a\x00\xffx")
            for _ in range(length)
        )
        assert finder.places(np.frombuffer(data, np.uint8)).tolist() == plain(data)


def test_what_is_left_of_a_longer_piece_is_not_found_in_a_shorter_one() -> None:
    finder = Newlines(64)
    assert finder.places(np.full(64, 10, np.uint8)).tolist() == [*range(64)]
    for length in range(17):
        assert finder.places(np.full(length, ord("x"), np.uint8)).tolist() == []


@pytest.mark.parametrize("place", range(17))
def test_one_alone_is_found_at_each_byte_of_a_word(place: int) -> None:
    data = np.zeros(17, np.uint8)
    data[place] = 10
    assert Newlines(17).places(data).tolist() == [place]
