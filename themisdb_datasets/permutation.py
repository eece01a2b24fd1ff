"""Keyed permutations of 0 … n - 1: sorted out of hashes where n is small, a Feistel network where it is not.

Every position is known by itself, in memory of the block alone. All of it is integers and SHA-256, so that the result
is the same on every platform and with every library version.
"""

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from themisdb_datasets.vectors import Halves, Words

SCHEME = "order/1"
# Below this a permutation is sorted out of hashes, for a small Feistel network is not even; above, none is kept.
SMALL = 1 << 16
# Passes over so few samples are sorted together; larger ones are sorted one by one and kept.
TINY = 1 << 12
ROUNDS = 8
SHAPES = 1024


_16, _13, _LOW = np.uint32(16), np.uint32(13), np.uint32(0xFFFF)
_M1, _M2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)


@dataclass(frozen=True)
class Keys:
    """The keys that kind, number of samples, seed and epoch give to each pass."""

    kind: str
    num_samples: int
    seed: int
    epoch: int

    def of(self, number: int) -> Halves:
        """Eight keys of 32 bits for one pass."""
        text = f"{SCHEME} {self.kind}\nseed {self.seed}\nepoch {self.epoch}\nsamples {self.num_samples}\n"
        if number:
            text += f"pass {number}\n"
        return np.frombuffer(hashlib.sha256(text.encode()).digest(), "<u4")


class Permutation:
    """Passes over `num_samples` indices, each pass a permutation of its own drawn by kind, seed and epoch."""

    def __init__(self, kind: str, num_samples: int, *, seed: int, epoch: int) -> None:
        self.num_samples = num_samples
        self._keys = Keys(kind, num_samples, seed, epoch)
        self._kept = lru_cache(maxsize=4)(self._permutation)

    def at(self, positions: Words) -> Words:
        """The indices at these positions; from `num_samples` on they belong to the second pass, and so forth."""
        if not len(positions) or int(positions.max()) < self.num_samples:
            return self._kept(0)(positions)
        numbers, offsets = np.divmod(positions, np.uint64(self.num_samples))
        passes, which = np.unique(numbers, return_inverse=True)
        if self.num_samples <= TINY:
            keys = np.stack([self._keys.of(number) for number in passes.tolist()])
            return _sort(self.num_samples, keys)[which, offsets.view(np.int64)]
        found = np.empty_like(offsets)
        for place, number in enumerate(passes.tolist()):
            mine = which == place
            found[mine] = self._kept(number)(offsets[mine])
        return found

    def _permutation(self, number: int) -> "_Table | _Network":
        keys = self._keys.of(number)
        if self.num_samples < SMALL:
            return _Table(_sort(self.num_samples, keys[None])[0])
        return _Network(self.num_samples, keys)


class _Table:
    """A permutation that is kept."""

    def __init__(self, indices: Words) -> None:
        self.indices = indices

    def __call__(self, positions: Words) -> Words:
        return self.indices[positions.view(np.int64)]


def _sort(num_samples: int, keys: Halves) -> Words:
    """The indices sorted by a hash of each, equal hashes in their own order: [passes, num_samples]."""
    hashes = np.arange(num_samples, dtype=np.uint64)[None]
    for key in np.ascontiguousarray(keys).view("<u8").T[:, :, None]:
        # The finisher of SplitMix64 (Steele, Lea and Flood, 2014), once a key.
        hashes = (hashes + key) * np.uint64(0x9E3779B97F4A7C15)
        hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        hashes ^= hashes >> np.uint64(31)
    return np.argsort(hashes, axis=1, kind="stable").astype(np.uint64)


class _Network:
    """A Feistel network over [0, a) x [0, b), with a * b just above the number of samples, and addition modulo.

    What falls outside walks on until it falls inside (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002).
    Walking costs a whole evaluation for few indices, so of 1,024 shapes the one is taken that has the least outside.
    """

    def __init__(self, num_samples: int, keys: Halves) -> None:
        self.num_samples = num_samples
        smallest = math.isqrt(num_samples) + 1
        self.a = min(range(smallest, smallest + SHAPES), key=lambda a: -num_samples % a)
        self.b = -(-num_samples // self.a)
        self.keys = keys

    def __call__(self, positions: Words) -> Words:
        found = self._once(positions)
        while len(outside := np.flatnonzero(found >= np.uint64(self.num_samples))):
            found[outside] = self._once(found[outside])
        return found

    def _once(self, x: Words) -> Words:
        high = x // np.uint64(self.b)
        left, right = high.astype(np.uint32), (x - high * np.uint64(self.b)).astype(np.uint32)
        # Two buffers for all rounds: what is new in every step would cost as much as the arithmetic.
        mixed, spare = np.empty_like(left), np.empty_like(left)
        for number in range(ROUNDS):
            source, target, below = (left, right, self.b) if number & 1 else (right, left, self.a)
            hash_below(source, self.keys[number], below, mixed, spare)
            # The sum modulo: where it is below the modulus, subtracting it wraps round to something larger.
            np.add(target, mixed, out=target)
            np.subtract(target, np.uint32(below), out=spare)
            np.minimum(target, spare, out=target)
        found: Words = left.astype(np.uint64)
        found *= np.uint64(self.b)
        found += right
        return found


def hash_words(x: Halves, key: np.uint32 | Halves, out: Halves, spare: Halves) -> None:
    """A hash of each number into `out`, 32 bits; the finisher of MurmurHash3 (Appleby, 2011)."""
    np.bitwise_xor(x, key, out=out)
    np.bitwise_xor(out, np.right_shift(out, _16, out=spare), out=out)
    np.multiply(out, _M1, out=out)
    np.bitwise_xor(out, np.right_shift(out, _13, out=spare), out=out)
    np.multiply(out, _M2, out=out)
    np.bitwise_xor(out, np.right_shift(out, _16, out=spare), out=out)


def hash_below(x: Halves, key: np.uint32, below: int, out: Halves, spare: Halves) -> None:
    """A hash of each number into `out`, less than `below`: the upper half of hash * below."""
    hash_words(x, key, out, spare)
    if below > 1 << 16:
        out[:] = (out.astype(np.uint64) * np.uint64(below)) >> np.uint64(32)
        return
    # The same product in two halves of 16 bits, which stays within 32.
    limit = np.uint32(below)
    np.multiply(np.right_shift(out, _16, out=spare), limit, out=spare)
    np.multiply(np.bitwise_and(out, _LOW, out=out), limit, out=out)
    np.add(np.right_shift(out, _16, out=out), spare, out=out)
    np.right_shift(out, _16, out=out)
