"""What the tests of plans share."""

from pathlib import Path
from typing import Any

import pytest

from tests.versions import make_version
from themisdb_datasets.engine.plans.delivery import Delivery
from themisdb_datasets.engine.plans.files import WrittenFile, write_files
from themisdb_datasets.engine.plans.plan import Plan
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.selections.criteria import Criteria
from themisdb_datasets.engine.selections.selection import SelectionCache
from themisdb_datasets.engine.versions.version import OpenVersion, version_digest
from themisdb_datasets.order import Ordering

SAMPLES = [{"n": n, "text": f"Absatz {n} über Lärm " * (n % 7 + 1)} for n in range(3_000)]
TEXT = Format("text_completion", {"text": parse_value("text")}, ())


def read(delivery: Delivery, start: int = 0, limit: int | None = None, batch_size: int = 100) -> bytes:
    return b"".join(
        chunk.data for chunk in delivery.chunks(delivery.window(start, limit), batch_size=batch_size)
    )


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return open_plan(tmp_path, make_version(tmp_path, SAMPLES), ordering=Ordering("shuffled", 7))


def written(
    delivery: Delivery, folder: Path, kind: str, *, max_bytes: int | None = None, limit: int | None = None
) -> tuple[list[WrittenFile], Any]:
    folder.mkdir()
    window = delivery.window(0, limit)
    reported: list[int] = []
    made = write_files(
        delivery, window, folder, stem="texts", kind=kind, max_bytes=max_bytes, report=reported.append
    )
    assert reported == sorted(reported)
    assert not reported or reported[-1] == len(window)
    return made


def open_plan(
    root: Path, version: OpenVersion, form: Format = TEXT, *conditions: Any, ordering: Ordering | None = None
) -> Delivery:
    digest = version_digest(version)
    plan = Plan(digest, Criteria(conditions), form, ordering or Ordering())
    cache = SelectionCache(root / "selections")
    return Delivery(plan, version, [cache.get(version, digest, criteria) for criteria in plan.selects])
