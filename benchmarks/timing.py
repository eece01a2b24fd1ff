"""Interleaved measurements: every candidate runs once a round, so that a slow minute is slow for all of them."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

MEGA = 1e6


@dataclass
class Candidate:
    """Something to measure: `run` does the work once and returns how many bytes that were."""

    name: str
    run: Callable[[], int]
    seconds: list[float] = field(default_factory=list)
    num_bytes: int = 0

    @property
    def rate(self) -> float:
        """Median MB/s over the rounds."""
        return self.num_bytes / statistics.median(self.seconds) / MEGA


def measure(candidates: list[Candidate], *, rounds: int, warm_up: bool = True) -> None:
    """Run every candidate once to warm up, then `rounds` times in turn."""
    for number in range(-1 if warm_up else 0, rounds):
        for candidate in candidates:
            begin = time.perf_counter()
            candidate.num_bytes = candidate.run()
            if number >= 0:
                candidate.seconds.append(time.perf_counter() - begin)


def table(title: str, candidates: list[Candidate]) -> str:
    """A table of medians, and of the first candidate's rate as a multiple of each other's, round by round."""
    ours, *others = candidates
    lines = [f"{title}  ({len(ours.seconds)} rounds, {ours.num_bytes / MEGA:,.0f} MB)"]
    for candidate in candidates:
        spread = f"{min(candidate.seconds):.3f} to {max(candidate.seconds):.3f} s"
        ratio = "" if candidate is ours else f"{_ratio(ours, candidate):6.2f}x"
        lines.append(f"  {candidate.name:<44} {candidate.rate:>9,.0f} MB/s   {ratio:>7}   {spread}")
    return "\n".join(lines)


def _ratio(ours: Candidate, other: Candidate) -> float:
    """Median over the rounds of our rate divided by the other's in the same round."""
    pairs = zip(ours.seconds, other.seconds, strict=True)
    scale = ours.num_bytes / other.num_bytes
    return statistics.median(scale * theirs / mine for mine, theirs in pairs)
