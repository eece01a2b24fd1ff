"""Orders alone: indices a second of shuffled and weighted order, beside numpy's permutation and torch's multinomial."""

import importlib.util
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.corpus import Run
from benchmarks.timing import MEGA, Candidate, measure
from themisdb_datasets.engine.selections.draws import build_draws
from themisdb_datasets.order import Order, ShuffledOrder, WeightedOrder

LARGE = 1_000_000_000
DRAWN = 10_000_000
BLOCK = 16_384
BLOCKS = 200


def run(bench: Run) -> None:
    """Measure and print nanoseconds an index; the first of each table is ours."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    shuffled = ShuffledOrder(LARGE, seed=1, epoch=1)
    generator = np.random.default_rng(1)
    candidates = [
        Candidate(f"Themis: shuffled, N = 10^9, blocks of {BLOCK:,}", _blocks(shuffled)),
        Candidate("numpy: permutation of 10^7, all at once", lambda: len(generator.permutation(DRAWN))),
    ]
    measure(candidates[:1], rounds=bench.rounds)
    used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    candidates[0].seconds.clear()
    measure(candidates, rounds=bench.rounds)
    _print("Order: shuffled", candidates)
    print(f"  {'memory of ours at its peak':<52} {used / MEGA:>+6.0f} MB")

    weights = generator.integers(0, 20_001, DRAWN).astype(np.uint16)
    candidates = [Candidate("Themis: weighted, N = 10^7", _blocks(_weighted(weights, bench.folder)))]
    if importlib.util.find_spec("torch"):
        candidates.append(Candidate("torch.multinomial with replacement, 10^7 draws", _torch(weights)))
    measure(candidates, rounds=bench.rounds)
    _print("Order: weighted", candidates)
    if len(candidates) == 1:
        print("  torch is not installed here: pip install torch measures torch.multinomial beside it")


def _blocks(order: Order) -> Callable[[], int]:
    """Blocks that lie far apart, as those of many readers do."""
    starts = np.linspace(0, order.num_samples - BLOCK, BLOCKS).astype(np.uint64)
    block = np.arange(BLOCK, dtype=np.uint64)
    return lambda: sum(len(order.at(block + start)) for start in starts)


def _weighted(weights: np.ndarray[tuple[int], np.dtype[np.uint16]], folder: Path) -> WeightedOrder:
    folder.mkdir(parents=True, exist_ok=True)
    build_draws(weights, folder / "draws.npy")
    return WeightedOrder(np.load(folder / "draws.npy", mmap_mode="r"), seed=1, epoch=1)


def _torch(weights: np.ndarray[tuple[int], np.dtype[np.uint16]]) -> Callable[[], int]:
    import torch

    given = torch.from_numpy(weights.astype(np.float32))
    return lambda: len(torch.multinomial(given, DRAWN, replacement=True))


def _print(title: str, candidates: list[Candidate]) -> None:
    """Nanoseconds an index, where `num_bytes` of a candidate counts indices."""
    print(f"{title}  ({len(candidates[0].seconds)} rounds)")
    nanoseconds = [candidate.median / candidate.num_bytes * 1e9 for candidate in candidates]
    for candidate, each in zip(candidates, nanoseconds, strict=True):
        times = "" if candidate is candidates[0] else f"{each / nanoseconds[0]:.1f}x"
        print(f"  {candidate.name:<52} {each:>6.1f} ns an index   {times:>7}")
