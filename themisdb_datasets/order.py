"""Orders: pure functions from a position in the stream to an index in the selection, evaluated a block at a time.

`order/1` is a public contract: the same on every platform and with every library version, for it is made of integers
and SHA-256 alone. Committed test vectors hold it.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from themisdb_datasets.errors import ImpossibleError

SCHEME = "order/1"
# Below this a permutation is sorted out of hashes, for a small Feistel network is not even; above, none is kept.
SMALL = 1 << 16
MAX_SAMPLES = 1 << 60
ROUNDS = 8

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Halves = npt.NDArray[np.uint32]


class Order(Protocol):
    """An order over `num_samples` indices; it has no state, so any positions can be asked for at any time."""

    num_samples: int

    def at(self, positions: Words) -> Ints:
        """Indices into the selection, int64 [n], at positions uint64 [n] below num_samples."""


class StoredOrder:
    """The order in which the version holds its samples."""

    def __init__(self, num_samples: int) -> None:
        self.num_samples = num_samples

    def at(self, positions: Words) -> Ints:
        """The positions themselves."""
        return positions.view(np.int64)


class ShuffledOrder:
    """A permutation drawn by seed and epoch, each index once; any integers give one, equal ones the same."""

    def __init__(self, num_samples: int, *, seed: int, epoch: int) -> None:
        if num_samples > MAX_SAMPLES:
            raise ImpossibleError(f"An order has at most {MAX_SAMPLES:,} samples.", code="too_many_samples")
        self.num_samples = num_samples
        keys = _keys("shuffled", seed, epoch, num_samples)
        self._sorted = _sort(num_samples, keys.view("<u8")) if num_samples < SMALL else None
        self._network = _Network(num_samples, keys)

    def at(self, positions: Words) -> Ints:
        """The indices at these positions, in time and memory of the block alone."""
        if self._sorted is not None:
            return self._sorted[positions.view(np.int64)]
        return self._network(positions).view(np.int64)


@dataclass(frozen=True)
class Ordering:
    """Which order a plan has: `stored`, or `shuffled` by a seed and an epoch."""

    kind: str = "stored"
    seed: int = 0
    epoch: int = 0

    def to_document(self) -> dict[str, Any]:
        """The ordering as plans hold it; integers as text, for they may have any size."""
        if self.kind == "stored":
            return {"kind": "stored"}
        return {"kind": self.kind, "scheme": SCHEME, "seed": str(self.seed), "epoch": str(self.epoch)}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Ordering":
        """The ordering that `to_document` wrote."""
        return cls(document["kind"], int(document.get("seed", 0)), int(document.get("epoch", 0)))

    def over(self, num_samples: int) -> Order:
        """The order over so many samples."""
        if self.kind == "stored":
            return StoredOrder(num_samples)
        return ShuffledOrder(num_samples, seed=self.seed, epoch=self.epoch)


def _keys(kind: str, seed: int, epoch: int, num_samples: int) -> Halves:
    """Eight keys of 32 bits."""
    text = f"{SCHEME} {kind}\nseed {seed}\nepoch {epoch}\nsamples {num_samples}\n"
    return np.frombuffer(hashlib.sha256(text.encode()).digest(), "<u4")


def _sort(num_samples: int, keys: Words) -> Ints:
    """The indices sorted by a hash of each, equal hashes in their own order."""
    hashes = np.arange(num_samples, dtype=np.uint64)
    for key in keys:
        # The finisher of SplitMix64 (Steele, Lea and Flood, 2014), once a key.
        hashes = (hashes + key) * np.uint64(0x9E3779B97F4A7C15)
        hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        hashes ^= hashes >> np.uint64(31)
    return np.argsort(hashes, kind="stable").astype(np.int64)


class _Network:
    """A Feistel network over [0, a) x [0, b), with a * b just above the number of samples, and addition modulo.

    What falls outside walks on until it falls inside (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002).
    """

    def __init__(self, num_samples: int, keys: Halves) -> None:
        self.num_samples = num_samples
        self.a = math.isqrt(num_samples) + 1
        self.b = max(-(-num_samples // self.a), 1)
        self.keys = keys

    def __call__(self, positions: Words) -> Words:
        found = self._once(positions)
        while len(outside := np.flatnonzero(found >= self.num_samples)):
            found[outside] = self._once(found[outside])
        return found

    def _once(self, x: Words) -> Words:
        high = x // np.uint64(self.b)
        left, right = high.astype(np.uint32), (x - high * np.uint64(self.b)).astype(np.uint32)
        for number in range(ROUNDS):
            if number & 1:
                right = _added(right, _hash(left, self.keys[number], self.b), self.b)
            else:
                left = _added(left, _hash(right, self.keys[number], self.a), self.a)
        return left.astype(np.uint64) * np.uint64(self.b) + right


def _hash(x: Halves, key: np.uint32, below: int) -> Halves:
    """A hash of each half, below a limit; the finisher of MurmurHash3 (Appleby, 2011)."""
    x = x ^ key
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> np.uint32(13)
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> np.uint32(16)
    return ((x.astype(np.uint64) * np.uint64(below)) >> np.uint64(32)).astype(np.uint32)


def _added(x: Halves, y: Halves, modulus: int) -> Halves:
    """x + y modulo at most 2^31: where the sum is below the modulus, subtracting it wraps round to something larger."""
    total = x + y
    wrapped: Halves = np.minimum(total, total - np.uint32(modulus))
    return wrapped
