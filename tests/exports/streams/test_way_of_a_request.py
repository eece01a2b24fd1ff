"""The way of a stream's request from its address to its bytes: which modules it goes through, and that it never climbs."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import grimp
import pytest

from exports.requests import resolve
from exports.streams import pump
from exports.streams.api import StreamView
from tests.exports.conftest import Ask, text
from themis_admin.datasets.models import Version
from themisdb_datasets.engine.kernels import gather
from themisdb_datasets.engine.selections.selection import SelectionCache

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")

PACKAGES = ("exports", "indexing", "themis_admin", "themisdb_datasets")
ROOT = Path(resolve.__file__).parents[2]
# Who calls these is on the way: where the plan is made, its selection found, chunks are sent, and their bytes joined.
LANDMARKS = (
    resolve.build_request.__code__,
    SelectionCache.get.__code__,
    pump.pump.__code__,
    gather.gather.__code__,
)
# In the order in which they are entered. CONTRIBUTING.md says what each does.
WAY = (
    "exports.streams.api",
    "exports.delivery.opening",
    "exports.requests.resolve",
    "themisdb_datasets.engine.selections.selection",
    "exports.streams.leases",
    "exports.streams.pump",
    "themisdb_datasets.engine.plans.delivery",
    "themisdb_datasets.engine.rendering.render",
    "themisdb_datasets.engine.kernels.gather",
)


def module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def is_ours(frame: FrameType) -> bool:
    return module(frame).partition(".")[0] in PACKAGES


class Trace:
    """The calls from module to module that begin with the view's method, and the stacks above the landmarks."""

    def __init__(self) -> None:
        self.begun = False
        self.calls: set[tuple[str, str]] = set()
        self.way: dict[str, None] = {}

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or not is_ours(frame):
            return
        self.begun = self.begun or frame.f_code is StreamView.post.__code__
        if not self.begun:
            return
        stack = self._stack(frame)
        self.calls |= set(pairwise(stack))
        if frame.f_code in LANDMARKS:
            self.way |= dict.fromkeys(stack)

    def _stack(self, frame: FrameType | None) -> list[str]:
        """The modules of ours that call each other down to this frame, the view's first."""
        found: list[str] = []
        while frame is not None:
            if is_ours(frame) and found[-1:] != [module(frame)]:
                found.append(module(frame))
            if frame.f_code is StreamView.post.__code__:
                break
            frame = frame.f_back
        return found[::-1]


@contextmanager
def traced() -> Iterator[Trace]:
    trace = Trace()
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        yield trace
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


@pytest.fixture
def trace(version: Version, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> Trace:
    """Of a request whose selection is there, as it is for all but the first."""
    text(ask(theme="Lärm"))
    # Only threads that begin from here on are traced.
    monkeypatch.setattr(pump, "POOL", ThreadPoolExecutor(2))
    with traced() as found:
        text(ask(theme="Lärm"))
    return found


def test_it_goes_through_a_dozen_modules(trace: Trace) -> None:
    assert tuple(trace.way) == WAY


def test_no_module_calls_one_that_is_built_on_it(trace: Trace) -> None:
    graph = grimp.build_graph(*PACKAGES)
    assert len(trace.calls) > 40
    climbs = [call for call in trace.calls if graph.find_shortest_chain(importer=call[1], imported=call[0])]
    assert climbs == []


def test_the_map_tells_the_way() -> None:
    map_ = (ROOT / "CONTRIBUTING.md").read_text()
    places = [map_.index(f"`{name.removeprefix('themisdb_datasets.').replace('.', '/')}.py`") for name in WAY]
    assert places == sorted(places)
