"""How long work tells how far it is."""

from collections.abc import Callable

Report = Callable[[int, int], None]  # done, in all
ReportDone = Callable[[int], None]
