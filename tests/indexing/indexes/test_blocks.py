"""Blocks of a token index: its tokens in any order and part."""

import hashlib
from typing import Any

import numpy as np
import pytest
from rest_framework.test import APIClient

from tests.indexing.indexes.conftest import built_tokens
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.datasets.models import Dataset, Version
from themisdb_datasets.order import ShuffledOrder

pytestmark = pytest.mark.django_db


def test_blocks_are_the_tokens_in_any_order_and_part(
    as_alice: APIClient, ingest: Ingest, dataset: Dataset, tokenizer: int
) -> None:
    ingest([{"id": n, "text": f"§ {n} Die Anlage {n * 7919}"} for n in range(200)])
    assert dataset.latest is not None
    index = built_tokens(as_alice, version=dataset.latest.pk, tokenizer=tokenizer, sample_size=8)
    url, count = f"{index['url']}blocks/", index["num_samples"]

    def got(expected: int = 200, range_: str | None = None, **query: Any) -> tuple[Any, bytes]:
        headers = {"Range": range_} if range_ else {}
        answer = as_alice.get(url, query, headers=headers)
        assert answer.status_code == expected
        return answer, b"".join(answer)

    answer, data = got()
    shape = tuple(map(int, answer["X-Themis-Shape"].split(",")))
    whole = np.frombuffer(data, np.dtype(answer["X-Themis-Dtype"])).reshape(shape)
    assert shape == (count, 8) and answer["ETag"] == f'"{hashlib.sha256(data).hexdigest()}"'
    assert as_alice.head(url)["Content-Length"] == str(len(data))
    part, piece = got(206, "bytes=100-299")
    assert piece == data[100:300] and part["Content-Range"] == f"bytes 100-299/{len(data)}"
    order = ShuffledOrder(count, seed=7, epoch=2).at(np.arange(count, dtype=np.uint64))
    _, shuffled = got(order="shuffled", seed=7, epoch=2)
    assert shuffled == whole[order].tobytes()
    answer, piece = got(206, "bytes=37-", order="shuffled", seed=7, epoch=2)
    assert piece == shuffled[37:] and "Digest" not in answer
    ranks = [got(order="shuffled", seed=7, epoch=2, rank=rank, world_size=3) for rank in range(3)]
    each = count // 3
    for rank, (answer, piece) in enumerate(ranks):
        assert piece == whole[order[rank : 3 * each : 3]].tobytes()
        assert answer["X-Themis-Shape"] == f"{each},8"
    assert len({answer["ETag"] for answer, _ in ranks}) == 3


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("order=x", "order"),
        ("seed=-1", "seed"),
        ("rank=2&world_size=2", "rank"),
        ("world_size=0", "world_size"),
        ("x=1", "x"),
    ],
)
def test_blocks_that_cannot_be_are_refused(
    as_alice: APIClient, version: Version, tokenizer: int, query: str, field: str
) -> None:
    index = built_tokens(as_alice, version=version.pk, tokenizer=tokenizer, sample_size=8)
    answer = as_alice.get(f"{index['url']}blocks/?{query}")
    assert answer.status_code == 400 and field in answer.json()["fields"]


def test_blocks_of_documents_come_in_stored_order_only(
    as_alice: APIClient, version: Version, tokenizer: int
) -> None:
    index = built_tokens(as_alice, version=version.pk, tokenizer=tokenizer)
    assert as_alice.get(f"{index['url']}blocks/")["X-Themis-Num-Samples"] == "4"
    assert as_alice.get(f"{index['url']}blocks/?order=shuffled").status_code == 422
