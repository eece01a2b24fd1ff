"""Themis' streams as HuggingFace datasets: streamed in shards that workers and nodes share out, or memory-mapped."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, overload

import msgspec
from datasets import Dataset, Features, IterableDataset, Json, List, Value

from themisdb_datasets.client.client import Client, PlanInfo
from themisdb_datasets.errors import MalformedError
from themisdb_datasets.huggingface.typed_lines import DeclaredField, TypedLines
from themisdb_datasets.trainer.sample import parse_lines

Query = Mapping[str, Any]
MOST_SHARDS = 64
LEAST_SAMPLES = 256  # of a shard, where nobody says how many shards there shall be
NOT_HERE = {"rank", "world_size", "drop_last", "stream_mode", "dry_run"}
NOT_HERE_REASON = "nodes share a dataset out by split_dataset_by_node, and workers by themselves; what has no end is themisdb_generator's."
SCHEME = 1  # of what a memory-mapped dataset holds of a plan
_VALUES = {"text": "string", "int64": "int64", "double": "float64", "bool": "bool"}


def themisdb_generator(
    base_url: str | None = None, token: str | None = None, query_params: Query | None = None
) -> Iterator[dict[str, Any]]:
    """The samples of a stream one by one, for `IterableDataset.from_generator`; broken connections are gone on with."""
    with Client(base_url, token) as client, client.stream(query_params or {}) as stream:
        for block in stream:
            yield from parse_lines(block.data)


@overload
def load(
    query: Query,
    *,
    base_url: str | None = None,
    token: str | None = None,
    streaming: Literal[True] = True,
    features: Features | None = None,
    num_shards: int | None = None,
    drop_last: bool = False,
    epochs: int = 1,
) -> IterableDataset: ...
@overload
def load(
    query: Query,
    *,
    base_url: str | None = None,
    token: str | None = None,
    streaming: Literal[False],
    features: Features | None = None,
    num_shards: int | None = None,
    drop_last: bool = False,
    epochs: int = 1,
    cache_dir: str | Path | None = None,
    num_proc: int | None = None,
) -> Dataset: ...
@overload
def load(
    query: Query,
    *,
    base_url: str | None = None,
    token: str | None = None,
    streaming: bool,
    features: Features | None = None,
    num_shards: int | None = None,
    drop_last: bool = False,
    epochs: int = 1,
    cache_dir: str | Path | None = None,
    num_proc: int | None = None,
) -> IterableDataset | Dataset: ...
def load(
    query: Query,
    *,
    base_url: str | None = None,
    token: str | None = None,
    streaming: bool = True,
    features: Features | None = None,
    num_shards: int | None = None,
    drop_last: bool = False,
    epochs: int = 1,
    cache_dir: str | Path | None = None,
    num_proc: int | None = None,
) -> IterableDataset | Dataset:
    """The samples that a stream's `query` asks for, with the features that its plan declares.

    The plan is made once and pinned: workers, nodes and later epochs read the same version, whatever is published
    meanwhile. Streamed, it is in `num_shards` shards (64, fewer where they would be small), stretches of the plan one
    after the other; with `drop_last` all have the same length, so that nodes have too. `epochs` follow each other, each
    shuffled anew where the query is shuffled. With `streaming=False` the samples are written to `cache_dir` once a plan,
    by `num_proc` processes, and memory-mapped. MalformedError, NotFoundError: the query asks for what cannot be.
    """
    for name in NOT_HERE & query.keys():
        raise MalformedError(
            f"{name} has no place in load: {NOT_HERE_REASON}", fields={name: NOT_HERE_REASON}
        )
    with Client(base_url, token) as client:
        plan = client.plan(query)
    fields = plan.answer["fields"] if features is None else None
    if fields is not None:
        features = features_of(fields)
    wanted = num_shards or (None if streaming else num_proc or 1)
    shards = _shards(plan, wanted, epochs=epochs, drop_last=drop_last)
    given = {"base_url": base_url, "token": token, "shards": shards, "lines": TypedLines(fields)}
    dataset: IterableDataset | Dataset
    if streaming:
        dataset = IterableDataset.from_generator(_generate, features=features, gen_kwargs=given)
    else:
        dataset = _written(plan, features, given, cache_dir=cache_dir, num_proc=num_proc)
    title = plan.answer["title"]
    dataset.info.description = f"{title}, from Themis: version {plan.version}, cursor {plan.cursor}"
    return dataset


def _written(
    plan: PlanInfo,
    features: Features | None,
    given: dict[str, Any],
    *,
    cache_dir: str | Path | None,
    num_proc: int | None,
) -> Dataset:
    """What `given` generates as files that are memory-mapped, written once for a plan."""
    if not plan.num_samples and features is not None:
        # Of nothing, `datasets` writes no file, and then does not find it.
        return Dataset.from_dict({name: [] for name in features}, features=features)
    # By this `datasets` finds the files again: the plan says what the lines are, whichever token asks.
    about = [SCHEME, plan.digest, given["shards"][0], given["shards"][-1], repr(features)]
    return Dataset.from_generator(
        _generate,
        features=features,
        cache_dir=None if cache_dir is None else str(cache_dir),
        gen_kwargs=given,
        num_proc=num_proc,
        fingerprint=hashlib.sha256(msgspec.json.encode(about)).hexdigest(),
    )


def features_of(fields: Sequence[DeclaredField]) -> Features:
    """The features of a plan's lines."""
    return Features({each["name"]: _feature(each) for each in fields})


def _feature(field: DeclaredField) -> Any:
    if field["kind"] == "object":
        return {each["name"]: _feature(each) for each in field["fields"]}
    if field["kind"] == "list":
        return List({each["name"]: _feature(each) for each in field["fields"]})
    return Value(_VALUES[field["kind"]]) if field["kind"] in _VALUES else Json()


@dataclass(frozen=True)
class PlanShard:
    """A stretch of a plan: so many samples from a cursor on, in the plan's order of this epoch, where it has several."""

    cursor: str
    num_samples: int
    epoch: int | None

    @property
    def query(self) -> dict[str, Any]:
        epoch = {} if self.epoch is None else {"epoch": self.epoch}
        return {"cursor": self.cursor, **epoch}


def _usual(num_samples: int) -> int:
    """A power of two, which most numbers of nodes divide; fewer than 64 where they would be small."""
    return min(MOST_SHARDS, 1 << max((num_samples // LEAST_SAMPLES).bit_length() - 1, 0))


def _shards(plan: PlanInfo, wanted: int | None, *, epochs: int, drop_last: bool) -> list[PlanShard]:
    """At most so many shards of each epoch, none empty, whose lengths differ by one at most."""
    digest, _, start = plan.cursor.rpartition(".")
    ordering = plan.document["order"]
    count = max(min(wanted or _usual(plan.num_samples), plan.num_samples), 1)
    num_samples = plan.num_samples - (plan.num_samples % count if drop_last else 0)
    cuts = [int(start) + num_samples * number // count for number in range(count + 1)]
    return [
        PlanShard(
            f"{digest}.{begin}", end - begin, int(ordering["epoch"]) + later if "epoch" in ordering else None
        )
        for later in range(epochs)
        for begin, end in pairwise(cuts)
    ]


def _generate(
    base_url: str | None, token: str | None, shards: list[PlanShard], lines: TypedLines
) -> Iterator[dict[str, Any]]:
    client = _client(base_url, token)
    for shard in shards:
        with client.stream(shard.query, limit=shard.num_samples) as stream:
            for block in stream:
                yield from lines.read(block.data)


@lru_cache(maxsize=8)
def _client(base_url: str | None, token: str | None) -> Client:
    """One client for all shards of a process: to open a connection takes longer than to read a small shard."""
    return Client(base_url, token)
