"""The engine's stream in one thread: the same lines beside orjson's loads and dumps, and beside a bare gather."""

from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import orjson

from benchmarks.corpus import Run, ingested, text_fields
from benchmarks.reference import BareGather, with_orjson
from benchmarks.timing import Candidate, measure, table
from themisdb_datasets.engine.plans.delivery import Delivery
from themisdb_datasets.engine.plans.mix import Mix, MixPart
from themisdb_datasets.engine.plans.plan import Plan
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.query.splits import WHOLE, Split
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.selection import SelectionCache
from themisdb_datasets.engine.versions.version import OpenVersion, version_digest
from themisdb_datasets.order import Ordering

CHECKED = 2_000


def run(bench: Run) -> None:
    """Check that all three write the same lines, then measure and print."""
    version = ingested(bench.corpus, bench.folder / "stream")
    fields = text_fields(version)
    selections = bench.folder / "selections"
    delivery = open_delivery(version, fields, selections)
    bare = [BareGather(part, fields, b"1.0000") for part in version.parts]
    _check(delivery, version, fields, bare)

    lists = [np.random.default_rng(1).permutation(part.num_samples) for part in version.parts]
    pairs = list(zip(bare, lists, strict=True))
    candidates = [Candidate("Themis: stored", _reader(delivery))]
    for kind in ("shuffled", "weighted"):
        ordered = open_delivery(version, fields, selections, ordering=Ordering(kind, 1))
        candidates.append(Candidate(f"Themis: {kind}", _reader(ordered)))
    for kind in ("stored", "shuffled"):
        mixed = open_delivery(version, fields, selections, ordering=Ordering(kind, 1), mix=_halves())
        candidates.append(Candidate(f"Themis: mix of two themes, {kind}", _reader(mixed)))
    candidates += [
        Candidate("orjson loads + dumps", lambda: _size(with_orjson(version.parts, fields, 1.0))),
        Candidate("bare gather", lambda: sum(_size(each.chunks()) for each in bare)),
        Candidate(
            "bare gather, a shuffled list",
            lambda: sum(_size(each.chunks(order=order)) for each, order in pairs),
        ),
    ]
    measure(candidates, rounds=bench.rounds)
    title = f"Stream: instruction format of {' and '.join(fields)} with weight, one thread"
    print(table(title, candidates, num_samples=delivery.num_samples))


def _reader(delivery: Delivery) -> Callable[[], int]:
    return lambda: _size(chunk.data for chunk in delivery.chunks(_all(delivery)))


def _halves() -> Mix:
    """The two halves of a split by content, one to one until both are through."""
    halves = (Split((), "", 0, WHOLE // 2), Split((), "", WHOLE // 2, WHOLE))
    return Mix(tuple(MixPart(f"half {n}", half, 1) for n, half in enumerate(halves)), "all_exhausted")


def open_delivery(
    version: OpenVersion,
    fields: list[str],
    selections: Path,
    *,
    ordering: Ordering | None = None,
    mix: Mix | None = None,
) -> Delivery:
    """Everything as instruction lines with a weight, in stored order unless told otherwise."""
    instruction, output = fields
    form = Format(
        "instruction_tuning", {"instruction": parse_value(instruction), "output": parse_value(output)}
    )
    plan = Plan(version_digest(version), Criteria(), form, ordering or Ordering(), mix)
    cache = SelectionCache(selections)
    return Delivery(plan, version, [cache.get(version, plan.version, each) for each in plan.selects])


def _all(delivery: Delivery) -> range:
    return delivery.window(0, None)


def _size(chunks: Iterable[bytes | memoryview]) -> int:
    return sum(map(len, chunks))


def _check(delivery: Delivery, version: OpenVersion, fields: list[str], bare: list[BareGather]) -> None:
    """All bytes equal those of the bare gather, and the first lines say what orjson's say."""
    theirs = deque(chunk for each in bare for chunk in each.chunks())
    ahead = b""
    for chunk in delivery.chunks(_all(delivery)):
        while len(ahead) < len(chunk.data) and theirs:
            ahead += theirs.popleft()
        if not ahead.startswith(bytes(chunk.data)):
            raise SystemExit("The engine's lines are not those of the bare gather.")
        ahead = ahead[len(chunk.data) :]
    if ahead or theirs:
        raise SystemExit("The engine has fewer lines than the bare gather.")
    ours = b"".join(chunk.data for chunk in delivery.chunks(delivery.window(0, CHECKED))).splitlines()
    plain = list(islice(with_orjson(version.parts, fields, 1.0), CHECKED))
    if [orjson.loads(line) for line in ours] != [orjson.loads(line) for line in plain]:
        raise SystemExit("The engine's lines do not say what orjson's say.")
