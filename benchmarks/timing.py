"""Interleaved measurements: every candidate runs once a round, so that a slow minute is slow for all of them."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

MEGA = 1e6


@dataclass
class Candidate:
    """Something to measure: `run` does the work once and returns how many bytes that were; `reset` is not timed."""

    name: str
    run: Callable[[], int]
    reset: Callable[[], object] | None = None
    seconds: list[float] = field(default_factory=list)
    num_bytes: int = 0

    @property
    def median(self) -> float:
        """Median seconds over the rounds."""
        return statistics.median(self.seconds)

    @property
    def rate(self) -> float:
        """Median MB/s over the rounds."""
        return self.num_bytes / self.median / MEGA


def measure(candidates: list[Candidate], *, rounds: int) -> None:
    """Run every candidate once to warm up, then `rounds` times in turn."""
    for number in range(-1, rounds):
        for candidate in candidates:
            if candidate.reset is not None:
                candidate.reset()
            begin = time.perf_counter()
            candidate.num_bytes = candidate.run()
            if number >= 0:
                candidate.seconds.append(time.perf_counter() - begin)


def table(title: str, candidates: list[Candidate], *, num_samples: int | None = None) -> str:
    """A table of medians, and of the first candidate's rate as a multiple of each other's, round by round."""
    ours = candidates[0]
    lines = [f"{title}  ({len(ours.seconds)} rounds, {ours.num_bytes / MEGA:,.0f} MB)"]
    for candidate in candidates:
        samples = f"{num_samples / candidate.median:>12,.0f} samples/s" if num_samples is not None else ""
        spread = f"{min(candidate.seconds):.3f} to {max(candidate.seconds):.3f} s"
        times = "" if candidate is ours else f"{ratio(ours, candidate):.2f}x"
        lines.append(f"  {candidate.name:<46} {candidate.rate:>7,.0f} MB/s{samples}   {times:>7}   {spread}")
    return "\n".join(lines)


def ratio(ours: Candidate, other: Candidate) -> float:
    """Median over the rounds of our rate divided by the other's in the same round."""
    pairs = zip(ours.seconds, other.seconds, strict=True)
    scale = ours.num_bytes / other.num_bytes
    return statistics.median(scale * theirs / mine for mine, theirs in pairs)
