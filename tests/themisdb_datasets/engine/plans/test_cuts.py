"""Whatever the plan: cut anywhere and gone on with from the last whole line, a stream is byte for byte the same."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.versions import make_version
from themisdb_datasets.engine.plans.delivery import Delivery
from themisdb_datasets.engine.plans.mix import STOPS, Mix, MixPart
from themisdb_datasets.engine.plans.plan import Plan
from themisdb_datasets.engine.query.filters import parse_filter
from themisdb_datasets.engine.query.mapping import parse_value
from themisdb_datasets.engine.query.splits import Split
from themisdb_datasets.engine.rendering.formats import Format
from themisdb_datasets.engine.selections.criteria import Criteria, Criterion, Output
from themisdb_datasets.engine.selections.selection import SelectionCache
from themisdb_datasets.engine.versions.version import OpenVersion, version_digest
from themisdb_datasets.engine.weights.weighting import Explicit, Weighting
from themisdb_datasets.order import KINDS, Ordering

FORMATS = {
    "instruction_tuning": {"instruction": "{law} {id}?", "input": "context", "output": "text"},
    "chat_completion": {"system": "context", "user": "id", "assistant": "text"},
    "text_completion": {"text": "text"},
    "raw": {},
    "preference": {"prompt": "{law}?", "chosen": "text", "rejected": "context"},
    "alpaca": {"instruction": "law", "input": "context", "output": "text"},
    "sharegpt": {"user": "law", "input": "context", "assistant": "text"},
    "openai": {"messages": "talk"},
    "chatml": {"messages": "talk"},
}
THEMES = [
    {"field": "law", "op": "eq", "value": "TA"},
    {"field": "id", "op": "lt", "value": 7},
    {"not": {"field": "context", "op": "exists", "value": True}},
]


@dataclass(frozen=True)
class Corpus:
    """A version of three shards, and where its selections are kept."""

    version: OpenVersion
    digest: str
    cache: SelectionCache

    def open(self, plan: Plan) -> Delivery:
        kept = [self.cache.get(self.version, self.digest, each) for each in plan.selects]
        return Delivery(plan, self.version, kept)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    root = tmp_path_factory.mktemp("cuts")
    samples: list[dict[str, Any]] = [
        {"id": i, "law": ("TA", "BImSchG", "ä\\\"\n")[i % 3], "text": "§ " * (i * 31 % 90 + 1), "w": i % 5 / 2}
        | ({"context": f"K{i}"} if i % 4 else {})
        | {"talk": [{"from": "human", "value": f"{i}?"}, {"from": "gpt", "value": "ä" * (i % 50)}][i % 3 :]}
        for i in range(150)
    ]  # fmt: skip
    version = make_version(root, samples[:20], samples[20:21], samples[21:])
    return Corpus(version, version_digest(version), SelectionCache(root / "selections"))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any order, format and mix, with or without a split, unique samples and explained weights."""
    name = draw(st.sampled_from(sorted(FORMATS)))
    mapping = {role: parse_value(source) for role, source in FORMATS[name].items()}
    form = Format(
        name, mapping, draw(st.sampled_from([(), ("law",), ("context", "law")])), draw(st.booleans())
    )
    conditions: list[Criterion] = draw(
        st.lists(st.sampled_from([Split(("id",), "", 0, 3 << 30), Output(parse_value("text"))]))
    )
    unique = draw(st.sampled_from([None, (), (parse_value("law"), parse_value("text"))]))
    criteria = Criteria(tuple(conditions), Weighting(explicit=Explicit("w", 1.0)), unique)
    ordering = Ordering(draw(st.sampled_from(KINDS)), draw(st.integers()), draw(st.integers()))
    mix = None
    if draw(st.booleans()):
        themes = draw(st.lists(st.sampled_from(THEMES), min_size=1, max_size=3))
        parts = (
            MixPart(f"{n}", parse_filter(theme), draw(st.integers(1, 9))) for n, theme in enumerate(themes)
        )
        mix = Mix(tuple(parts), draw(st.sampled_from(STOPS)))
    return Plan("0" * 64, criteria, form, ordering, mix)


@settings(max_examples=150, deadline=None)
@given(
    plan=plans(),
    cut=st.integers(0, 10**6),
    batches=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    world=st.integers(1, 5),
    data=st.data(),
)
def test_any_cut_of_any_plan_goes_on_byte_exactly(
    corpus: Corpus, plan: Plan, cut: int, batches: tuple[int, int], world: int, data: st.DataObject
) -> None:
    delivery = corpus.open(plan)
    assert Plan.from_document(plan.to_document()).digest == plan.digest
    start = data.draw(st.integers(0, delivery.num_samples))
    rank = data.draw(st.integers(0, world - 1))
    drop = data.draw(st.booleans())

    def read(base: int, limit: int | None, batch: int) -> bytes:
        window = delivery.window(base, limit, rank=rank, world_size=world, drop_last=drop)
        return b"".join(chunk.data for chunk in delivery.chunks(window, batch_size=batch))

    whole = read(start, None, batches[0])
    # What a client has when its connection breaks at any byte, and what it asks for then.
    got = whole[: cut % (len(whole) + 1)]
    got = got[: got.rfind(b"\n") + 1]
    position = start + got.count(b"\n") * world
    if not drop and position > delivery.num_samples:
        return  # it has all there is already, with its padding
    assert got + read(position, None, batches[1]) == whole
    assert sum(share.num_bytes for share in delivery.measure([delivery.window(start, None)])) == sum(
        len(chunk.data) for chunk in delivery.chunks(delivery.window(start, None))
    )
