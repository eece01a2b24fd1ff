"""Where words begin: the same as `tokenizers` itself says, whatever the text."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers.pre_tokenizers import ByteLevel, Whitespace, WhitespaceSplit

from themisdb_datasets.engine.kernels.words import GptWords, SpacedWords

ODD = "aZäß漢Ⅳ½1'stmdrevl \n\t\u00a0\u3000\u0085\u0301\x00\x1c!.§-😀\u180e\u200b"
GPT, WORDS, SPLIT = GptWords(), SpacedWords(Whitespace()), SpacedWords(WhitespaceSplit())
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


TEXTS = st.lists(
    st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs"])), max_size=40),
    max_size=5,
)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_words_begin_where_tokenizers_has_them_begin(texts: list[str]) -> None:
    library = ByteLevel(add_prefix_space=False, use_regex=True)
    expected = []
    for text in texts:
        expected += [bytes(BYTES[symbol] for symbol in word) for word, _ in library.pre_tokenize_str(text)]
        expected.append(b"\xff")
    data = np.frombuffer(b"".join(text.encode() + b"\xff" for text in texts), np.uint8)
    starts = [*GPT.starts(data).tolist(), len(data)]
    assert [data[a:b].tobytes() for a, b in pairwise(starts)] == expected


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_spaces_part_words_as_tokenizers_has_them_part(texts: list[str]) -> None:
    data = np.frombuffer(b"".join(text.encode() + b"\xff" for text in texts), np.uint8)
    for finder, library in ((WORDS, Whitespace()), (SPLIT, WhitespaceSplit())):
        expected = [[word for word, _ in library.pre_tokenize_str(text)] for text in texts]
        found: list[list[str]] = [[]]
        starts = [*finder.starts(data).tolist(), len(data)]
        for a, b in pairwise(starts):
            if data[a] == 0xFF:
                found.append([])
            else:
                word = data[a:b].tobytes().decode()
                found[-1] += [each for each, _ in library.pre_tokenize_str(word)]
        assert found[:-1] == expected
