"""How fast work goes, measured over its last seconds."""

from collections import deque
from dataclasses import dataclass, field

WINDOW_SECONDS = 10.0
SPACING_SECONDS = 0.25


@dataclass
class Rate:
    """Units a second over the last ten seconds."""

    points: deque[tuple[float, int]] = field(default_factory=deque)

    def add(self, now: float, done: int) -> None:
        """Note that `done` units were done at `now`, in seconds of any steady clock."""
        if self.points and done < self.points[-1][1]:
            self.points.clear()  # the work began anew
        # However often work reports, there is a point every quarter of a second: the newest moves on until it
        # is far enough from the one before it, so the window is some forty points at most.
        if len(self.points) > 1 and now - self.points[-2][0] < SPACING_SECONDS:
            self.points.pop()
        self.points.append((now, done))
        # One point older than the window stays, from which it is
        # measured; two remain always, or slow work had no rate.
        while len(self.points) > 2 and self.points[1][0] <= now - WINDOW_SECONDS:
            self.points.popleft()

    @property
    def per_second(self) -> float | None:
        """None until there is something to measure."""
        if len(self.points) < 2:
            return None
        (begin, first), (end, last) = self.points[0], self.points[-1]
        return (last - first) / (end - begin) if end > begin and last > first else None
