"""Small tokenizers for the tests, trained on the spot."""

import json
from functools import cache
from typing import Any

from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as Library

from themisdb_datasets.engine.indexes.tokenizer import Tokenizer

EOS = "<|endoftext|>"
WORDS = "Die Anlage ist so zu betreiben, dass schädliche Umwelteinwirkungen nicht entstehen. it's they'll § 5 2022"


@cache
def byte_level(*, vocabulary: int = 400, add_prefix_space: bool = False) -> Tokenizer:
    """As GPT-2's: bytes, merged."""
    library = Library(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    library.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    library.train_from_iterator([WORDS] * 20, trainer)
    return Tokenizer.load(library.to_str().encode())


@cache
def split_by_pattern() -> Tokenizer:
    """With a normalizer and a pattern of its own, as newer models have them."""
    library = Library(models.BPE())
    library.normalizer = normalizers.NFC()
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{N}{1,3}|[^\r\n\p{L}\p{N}]?\p{L}+|\s+|[^\s]+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=380,
        special_tokens=["</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    library.train_from_iterator([WORDS] * 20, trainer)
    return Tokenizer.load(library.to_str().encode())


@cache
def spaced(*, split: bool = False) -> Tokenizer:
    """Words between spaces, and a token for what is not known."""
    library = Library(models.BPE(unk_token="[UNK]", fuse_unk=True))
    library.pre_tokenizer = pre_tokenizers.WhitespaceSplit() if split else pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(vocab_size=120, special_tokens=["[UNK]", "[EOS]"], show_progress=False)
    library.train_from_iterator([WORDS] * 20, trainer)
    return Tokenizer.load(library.to_str().encode())


def changed(tokenizer: Tokenizer, **changes: Any) -> bytes:
    """The tokenizer's file with other values in it."""
    return json.dumps({**tokenizer.document, **changes}).encode()


def with_vocabulary(size: int) -> Tokenizer:
    """One whose vocabulary has so many tokens, most of them never used."""
    known = byte_level()
    more = {f"unused {number}": number for number in range(known.vocabulary_size, size)}
    model = known.document["model"]
    return Tokenizer.load(changed(known, model={**model, "vocab": {**model["vocab"], **more}}))
