"""Token indexes over REST: built by a job, the same as data-forager's, read by number and as raw blocks."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_forager.datasets.tokens import TokensDataset
from rest_framework.test import APIClient

from indexing.models import Index
from tests.indexing.conftest import Upload
from tests.themis_admin.datasets.conftest import SAMPLES, Ingest
from tests.themisdb_datasets.engine.indexes.test_packing import FILES, forage
from tests.tokenizers import EOS, byte_level, with_vocabulary
from themis_admin.accounts.models import User
from themis_admin.artifacts.models import ArtifactRef
from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.themes import services
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job
from themisdb_datasets.order import ShuffledOrder
from themisdb_datasets.tokens import TokenIndex

pytestmark = pytest.mark.django_db


@pytest.fixture
def tokenizer(upload: Upload) -> int:
    """Alice's tokenizer."""
    return int(upload().json()["id"])


def asked(client: APIClient, **body: Any) -> Any:
    return client.post("/api/v1/indexes/", {"kind": "tokens", "text_field": "text", **body}, format="json")


def built(client: APIClient, **body: Any) -> dict[str, Any]:
    """The index that a body asks for, once its job has ended."""
    answer = asked(client, **body)
    assert answer.status_code == 202, answer.json()
    job = Job.objects.get(pk=answer.json()["job"]["id"])
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    index: dict[str, Any] = client.get(answer.json()["index"]["url"]).json()
    return index


def unpacked(client: APIClient, index: dict[str, Any], folder: Path) -> Path:
    data = b"".join(client.get(f"{index['url']}download/"))
    assert (len(data), hashlib.sha256(data).hexdigest()) == (index["num_bytes"], index["sha256"])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("size", [16, None])
def test_the_download_is_what_data_forager_makes_and_opens(
    as_alice: APIClient, version: Version, tokenizer: int, tmp_path: Path, size: int | None
) -> None:
    index = built(as_alice, version=version.pk, tokenizer=tokenizer, sample_size=size)
    folder = unpacked(as_alice, index, tmp_path / "out")
    expected = forage(tmp_path / "theirs", SAMPLES, byte_level(), size)
    for name in FILES:
        ours = folder / name.replace("corpus", "samples")
        assert ours.read_bytes() == (expected / name).read_bytes().replace(b"corpus", b"samples"), name
    dataset = TokensDataset.create_from_index_on_filesystem(str(folder), token_dtype=np.uint16)
    opened = TokenIndex.open(folder)
    assert len(opened) == len(dataset) == index["num_samples"] > 2
    assert all((opened[number] == dataset[number]).all() for number in range(len(dataset)))
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest == index["manifest"]
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert manifest["files"].keys() == files - {"manifest.json"}
    for name, known in manifest["files"].items():
        data = (folder / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (known["num_bytes"], known["sha256"]), name
    assert hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest() == manifest["tokenizer"]


def test_it_says_what_it_was_made_of(
    as_alice: APIClient, alice: User, dataset: Dataset, version: Version, tokenizer: int
) -> None:
    where = {"field": "law", "op": "eq", "value": "BImSchG"}
    theme = services.create_theme(dataset, user=alice, name="BImSchG", where=where)
    whole = built(as_alice, version=version.pk, tokenizer=tokenizer, sample_size=8)
    part = built(as_alice, version=version.pk, theme=theme.pk, tokenizer=tokenizer, sample_size=8)
    manifest = whole["manifest"]
    assert (manifest["dtype"], manifest["sample_size"], manifest["eos_token"]) == ("uint16", 8, EOS)
    assert manifest["vocabulary_size"] == byte_level().vocabulary_size
    assert manifest["tokenizer"] == byte_level().digest == whole["tokenizer_sha256"]
    assert manifest["num_documents"] == 4 and part["manifest"]["num_documents"] == 2
    assert manifest["num_tokens_by_theme"] == {"BImSchG": part["manifest"]["num_tokens"]}
    assert part["num_tokens"] == part["manifest"]["num_tokens"] < whole["num_tokens"]
    assert whole["num_samples"] == whole["num_tokens"] // 8
    listed = as_alice.get("/api/v1/indexes/?kind=tokens").json()["results"]
    assert [each["id"] for each in listed] == [part["id"], whole["id"]]


def test_samples_are_read_by_number(as_alice: APIClient, version: Version, tokenizer: int) -> None:
    index = built(as_alice, version=version.pk, tokenizer=tokenizer, sample_size=None)
    ids = [byte_level().library.encode(sample["text"]).ids for sample in SAMPLES]
    assert as_alice.get(f"{index['url']}samples/1").json() == {"number": 1, "sample": ids[1]}
    found = as_alice.get(f"{index['url']}samples/", {"ids": "-1,0:2"}).json()
    assert [each["sample"] for each in found["results"]] == [ids[3], ids[0], ids[1]]
    assert as_alice.get(f"{index['url']}samples/4").status_code == 404


def test_blocks_are_the_tokens_in_any_order_and_part(
    as_alice: APIClient, ingest: Ingest, dataset: Dataset, tokenizer: int
) -> None:
    ingest([{"id": n, "text": f"§ {n} Die Anlage {n * 7919}"} for n in range(200)])
    assert dataset.latest is not None
    index = built(as_alice, version=dataset.latest.pk, tokenizer=tokenizer, sample_size=8)
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
    index = built(as_alice, version=version.pk, tokenizer=tokenizer, sample_size=8)
    answer = as_alice.get(f"{index['url']}blocks/?{query}")
    assert answer.status_code == 400 and field in answer.json()["fields"]


def test_blocks_of_documents_come_in_stored_order_only(
    as_alice: APIClient, version: Version, tokenizer: int
) -> None:
    index = built(as_alice, version=version.pk, tokenizer=tokenizer)
    assert as_alice.get(f"{index['url']}blocks/")["X-Themis-Num-Samples"] == "4"
    assert as_alice.get(f"{index['url']}blocks/?order=shuffled").status_code == 422


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"tokenizer": None}, 400, "tokenizer"),
        ({"tokenizer": 10**6}, 404, "tokenizer"),
        ({"sample_size": 0}, 400, "sample_size"),
        ({"sample_size": 1 << 40}, 400, "sample_size"),
        ({"sample_size": 8, "eos_token": "<|endoftex|>"}, 400, "eos_token"),
        ({"text_field": "txt"}, 422, "text_field"),
        ({"text_field": "{text"}, 400, "text_field"),
        ({"text_field": ""}, 400, "text_field"),
        ({"dtype": "uint8"}, 400, "dtype"),
        ({"artifact": 1, "version": None}, 400, "version"),
        ({"kind": "offsets"}, 400, "tokenizer"),
    ],
)
def test_what_cannot_be_is_refused_before_a_job_is_queued(
    as_alice: APIClient, version: Version, tokenizer: int, body: dict[str, Any], status: int, field: str
) -> None:
    answer = asked(as_alice, **{"version": version.pk, "tokenizer": tokenizer, **body})
    assert answer.status_code == status, answer.json()
    assert field in answer.json()["fields"], answer.json()
    assert not Index.objects.exists()


def test_a_vocabulary_that_does_not_fit_is_refused(
    as_alice: APIClient, version: Version, upload: Upload
) -> None:
    large = upload(with_vocabulary(70_000).library.to_str().encode()).json()["id"]
    answer = asked(as_alice, version=version.pk, tokenizer=large, sample_size=8, dtype="uint16")
    assert answer.status_code == 422 and answer.json()["code"] == "dtype_too_small"
    assert built(as_alice, version=version.pk, tokenizer=large, sample_size=8)["dtype"] == "uint32"


def test_it_outlives_its_tokenizer_and_is_seen_by_its_owner_only(
    as_alice: APIClient, as_bob: APIClient, version: Version, tokenizer: int, upload: Upload
) -> None:
    answer = asked(as_alice, version=version.pk, tokenizer=tokenizer, sample_size=8).json()
    assert as_alice.delete(f"/api/v1/tokenizers/{tokenizer}/").status_code == 204
    runner.run(answer["job"]["id"])
    url = answer["index"]["url"]
    assert as_alice.get(url).json()["state"] == "succeeded"
    for path in ("", "samples/0", "blocks/", "download/"):
        assert as_alice.get(f"{url}{path}").status_code == 200
        assert as_bob.get(f"{url}{path}").status_code == 404
    theirs = upload(client=as_bob).json()["id"]
    assert asked(as_alice, version=version.pk, tokenizer=theirs, sample_size=8).status_code == 404
    assert as_alice.delete(url).status_code == 204
    assert not ArtifactRef.objects.filter(keeper__startswith="indexes/").exists()
