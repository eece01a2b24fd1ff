"""Token samples over HTTP as raw blocks: their tokens end to end, in stored or shuffled order, all or any part of it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
import numpy as np
from django.http.response import HttpResponseBase
from msgspec import Meta

from indexing.indexes.reading import TOKENS_BIN, kept_paths, open_tokens
from indexing.models import TOKENS, Index
from themis_admin.web.downloads import AssembledBytes
from themisdb_datasets.engine.indexes.tar import File
from themisdb_datasets.errors import ImpossibleError
from themisdb_datasets.order import Order, Ordering
from themisdb_datasets.tokens import Tokens

PIECE_BYTES = 1 << 20
OCTETS = "application/octet-stream"
WholeNumber = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class BlocksRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which samples, in which order: a rank has every `world_size`-th from its own on, and all ranks as many."""

    order: Literal["stored", "shuffled"] = "stored"
    seed: WholeNumber = 0
    epoch: WholeNumber = 0
    rank: WholeNumber = 0
    world_size: Annotated[int, Meta(ge=1, le=2**31)] = 1


@dataclass(frozen=True)
class Blocks(AssembledBytes):
    """The download; its headers say how the bytes are to be read."""

    about: tuple[tuple[str, str], ...]
    is_file: bool  # else `digest` names the bytes, but is not their SHA-256

    def _describe(self, response: HttpResponseBase) -> None:
        super()._describe(response)
        if not self.is_file:
            del response["Digest"], response["Repr-Digest"]
        for name, value in self.about:
            response[name] = value


def blocks_of(row: Index, blocks_request: BlocksRequest) -> Blocks:
    """The samples of a token index as one download. ImpossibleError: it is none, or its samples differ in length."""
    if row.kind != TOKENS:
        raise ImpossibleError.at(
            "kind",
            "Only an index of tokens has blocks; one of lines has samples/ and download/.",
            code="no_tokens",
        )
    opened, manifest = open_tokens(row), row.manifest or {}
    digest, name = manifest["files"][manifest["samples"]]["sha256"], f"tokens-{row.pk}.bin"
    about = {"X-Themis-Dtype": manifest["dtype"], "X-Themis-Byte-Order": "little"}
    if blocks_request.order == "stored" and blocks_request.world_size == 1:
        size = manifest["sample_size"]
        about["X-Themis-Num-Samples"] = str(len(opened))
        if size is not None:
            about["X-Themis-Shape"] = f"{len(opened)},{size}"
        file = File(kept_paths(row)[TOKENS_BIN])
        return Blocks(name, OCTETS, digest, file.size, file.read, tuple(about.items()), True)
    if opened.samples is None and len(opened):
        raise ImpossibleError.at(
            "order",
            "The samples differ in length; blocks of one document each come in stored order only.",
            code="different_lengths",
        )
    # Nothing is written for an order: a sample's place follows from
    # its number (`themisdb_datasets/order.py`), so any byte range
    # can be made when it is asked for, and a download be resumed.
    chosen = _Chosen(opened.samples, blocks_request)
    about["X-Themis-Num-Samples"] = str(chosen.num_samples)
    about["X-Themis-Shape"] = f"{chosen.num_samples},{manifest['sample_size']}"
    # The bytes follow from the tokens and the request, so the digest of these two
    # may be the ETag: equal ones mean equal bytes, and none has to be made to know
    # it. It is no digest of the bytes, so the headers of that name are not sent.
    key = hashlib.sha256(msgspec.json.encode([digest, blocks_request], order="deterministic")).hexdigest()
    return Blocks(name, OCTETS, key, chosen.size, chosen.read, tuple(about.items()), False)


class _Chosen:
    """The samples in an order, those of one rank, as bytes that are made when they are read."""

    def __init__(self, samples: Tokens | None, blocks_request: BlocksRequest) -> None:
        count = 0 if samples is None else len(samples)
        # The tail that is not enough for all ranks is left out, as
        # a rank with one sample more would wait for the others.
        self.num_samples = count // blocks_request.world_size
        self._samples, self._request = samples, blocks_request
        self._row = 0 if samples is None else samples[:1].nbytes
        ordering = Ordering(blocks_request.order, blocks_request.seed, blocks_request.epoch)
        self._order: Order | None = ordering.over(count) if count else None

    @property
    def size(self) -> int:
        return self.num_samples * self._row

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` to before `stop`, in pieces of about 1 MiB."""
        rows = max(1, PIECE_BYTES // max(self._row, 1))
        while start < stop and self._order is not None and self._samples is not None:
            # A range begins and ends anywhere, so whole rows are
            # taken and the bytes before and after are cut off.
            first = start // self._row
            last = min(first + rows, -(-stop // self._row))
            numbers = np.arange(first, last, dtype=np.uint64) * np.uint64(self._request.world_size)
            found = self._samples.take(self._order.at(numbers + np.uint64(self._request.rank)), axis=0)
            piece = found.tobytes()[start - first * self._row : stop - first * self._row]
            start += len(piece)
            yield piece
