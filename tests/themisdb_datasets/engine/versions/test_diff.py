"""The difference of two versions, against a plain comparison of dictionaries."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.versions import make_version
from themisdb_datasets.engine.query.duck import DuckLimits
from themisdb_datasets.engine.versions import diff
from themisdb_datasets.engine.versions.diff import Diff, differing
from themisdb_datasets.engine.versions.version import OpenVersion


def compare(root: Path, new: OpenVersion, old: OpenVersion, *, key: str = "id", **options: Any) -> Diff:
    folder = root / "diff"
    folder.mkdir(exist_ok=True)
    diff.fill(folder, new, old, key_field=key, **options)
    return Diff.open(folder)


def figures(found: Diff) -> tuple[int, int, int, int]:
    counts = found.counts
    return counts.added, counts.removed, counts.changed, counts.unchanged


def test_it_tells_added_removed_and_changed_samples_apart(tmp_path: Path) -> None:
    old = make_version(tmp_path, [{"id": n, "text": f"t{n}", "law": "A"} for n in range(6)])
    new = make_version(
        tmp_path,
        [
            {"id": 9, "text": "new", "law": "A"},
            {"id": 3, "text": "t3", "law": "A"},
            {"id": 1, "text": "other", "law": "A"},
            {"id": 2, "text": "t2 and more", "law": "B"},
            {"id": 4, "text": "t4", "law": "A", "extra": 1},
            {"id": 5, "text": "t5"},
        ],
    )
    found = compare(tmp_path, new, old)
    assert figures(found) == (1, 1, 4, 1)
    assert found.counts.fields == {"text": 2, "law": 2, "extra": 1}
    assert (found.added.tolist(), found.removed.tolist()) == ([0], [0])
    assert found.changed.tolist() == [[2, 1], [3, 2], [4, 4], [5, 5]]
    assert [found.fields_of(row) for row in range(4)] == [["text"], ["text", "law"], ["extra"], ["law"]]
    assert found.rows("law").tolist() == [1, 3]
    assert figures(compare(tmp_path, old, new)) == (1, 1, 4, 1)


def test_equal_numbers_are_one_key_however_a_shard_holds_them(tmp_path: Path) -> None:
    old = make_version(tmp_path, [{"id": 1, "t": "a"}, {"id": 2, "t": "b"}])
    new = make_version(tmp_path, [b'{"id": 1.0, "t": "a"}', b'{"id": 2.5, "t": "b"}'])
    found = compare(tmp_path, new, old)
    assert figures(found) == (1, 1, 1, 0)
    assert found.counts.fields == {"id": 1}


def test_samples_without_a_key_or_with_a_repeated_one_go_by_content(tmp_path: Path) -> None:
    twice = {"id": "x", "t": 1}
    old = make_version(tmp_path, [{"t": 1}, {"t": 1}, {"id": None, "t": 2}, {"id": "x", "t": 0}])
    new = make_version(tmp_path, [{"t": 1}, {"t": 3}, twice, twice, {"id": "x", "t": 0}])
    found = compare(tmp_path, new, old)
    assert figures(found) == (3, 2, 0, 2)
    assert (found.added.tolist(), found.removed.tolist()) == ([1, 2, 3], [1, 2])


def test_without_a_key_field_everything_goes_by_content(tmp_path: Path) -> None:
    old = make_version(tmp_path, [{"id": 1}, {"id": 2}])
    new = make_version(tmp_path, [{"id": 2}, {"id": 3}])
    for key in ("", "missing"):
        assert figures(compare(tmp_path, new, old, key=key)) == (1, 1, 0, 1)


def test_a_key_that_looks_like_a_content_id_is_a_key(tmp_path: Path) -> None:
    old = make_version(tmp_path, [{"t": 1}])
    content = hashed(b'{"t": 1}')
    new = make_version(tmp_path, [{"id": content, "t": 1}])
    assert figures(compare(tmp_path, new, old)) == (1, 1, 0, 0)


def hashed(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:32].upper()


def test_a_field_differs_where_its_spelling_does() -> None:
    old = b'{"a": 1, "b": "x", "c": [1, 2], "d": null}'
    assert list(differing(b'{"b":"x","a":1,"c":[1, 2],"d":null}', old)) == []
    assert list(differing(b'{"a": 1.0, "c": [1,2], "e": 5}', old)) == ["a", "c", "e", "b", "d"]


def test_beyond_a_thousand_names_fields_are_counted_together(tmp_path: Path) -> None:
    old = make_version(tmp_path, [{"id": n} for n in range(1100)])
    new = make_version(tmp_path, [{"id": n, f"f{n}": n} for n in range(1100)])
    found = compare(tmp_path, new, old)
    assert found.counts.changed == 1100
    assert (len(found.names), found.counts.fields[diff.OTHERS]) == (1001, 100)


def test_many_samples_are_compared_in_little_memory(tmp_path: Path) -> None:
    old = make_version(tmp_path, [{"id": f"{n:060}", "t": n} for n in range(60_000)])
    new = make_version(tmp_path, [{"id": f"{n:060}", "t": n % 59_999} for n in range(100, 60_000)])
    limits = DuckLimits(memory="64MB", threads=1, temp_directory=tmp_path)
    found = compare(tmp_path, new, old, limits=limits)
    assert figures(found) == (0, 100, 1, 59_899)


SAMPLES = st.lists(
    st.fixed_dictionaries(
        {"t": st.integers(0, 2)}, optional={"id": st.sampled_from(["a", "b", "c", "d", None])}
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(old=SAMPLES, new=SAMPLES)
def test_it_equals_a_plain_comparison(tmp_path_factory: Any, old: list[Any], new: list[Any]) -> None:
    root = tmp_path_factory.mktemp("diff")
    found = compare(root, make_version(root, new), make_version(root, old))
    assert figures(found) == plain(new, old)
    assert len(found.added) + len(found.changed) + found.counts.unchanged == len(new)
    assert len(found.removed) + len(found.changed) + found.counts.unchanged == len(old)


def plain(new: list[Any], old: list[Any]) -> tuple[int, int, int, int]:
    often = {
        key
        for side in (new, old)
        for key, n in Counter(sample.get("id") for sample in side).items()
        if n > 1 or key is None
    }
    news, olds = (
        {sample["id"]: json.dumps(sample) for sample in side if sample.get("id") not in often}
        for side in (new, old)
    )
    by_content = [
        Counter(json.dumps(sample) for sample in side if sample.get("id") in often) for side in (new, old)
    ]
    same = (by_content[0] & by_content[1]).total() + sum(olds.get(key) == line for key, line in news.items())
    changed = sum(key in olds and olds[key] != line for key, line in news.items())
    return len(new) - same - changed, len(old) - same - changed, changed, same
