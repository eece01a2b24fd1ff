"""Where words begin: the same as `tokenizers` itself says, whatever the text."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers.pre_tokenizers import ByteLevel

from themisdb_datasets.words import WordFinder

ODD = "aZäß漢Ⅳ½1'stmdrevl \n\t\u00a0\u3000\u0085\u0301\x00\x1c!.§-😀\u180e\u200b"
FINDER = WordFinder()
# How ByteLevel writes a byte, turned round.
BYTES = {
    symbol: byte
    for byte in range(256)
    for symbol in [
        chr(byte)
        if byte in {*range(33, 127), *range(161, 173), *range(174, 256)}
        else chr(
            256
            + sum(each not in {*range(33, 127), *range(161, 173), *range(174, 256)} for each in range(byte))
        )
    ]
}


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs"])), max_size=40),
        max_size=5,
    )
)
def test_words_begin_where_tokenizers_has_them_begin(texts: list[str]) -> None:
    library = ByteLevel(add_prefix_space=False, use_regex=True)
    expected = []
    for text in texts:
        expected += [bytes(BYTES[symbol] for symbol in word) for word, _ in library.pre_tokenize_str(text)]
        expected.append(b"\xff")
    data = np.frombuffer(b"".join(text.encode() + b"\xff" for text in texts), np.uint8)
    starts = [*FINDER.starts(data).tolist(), len(data)]
    assert [data[a:b].tobytes() for a, b in pairwise(starts)] == expected
