"""Token indexes over REST: the same as data-forager's, and read by number."""

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

from tests.indexing.indexes.conftest import built_tokens
from tests.themis_admin.datasets.conftest import SAMPLES
from tests.themisdb_datasets.engine.indexes.test_packing import FILES, forage
from tests.tokenizers import EOS, byte_level
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Dataset, Version
from themis_admin.datasets.themes import services
from themisdb_datasets.tokens import TokenIndex

pytestmark = pytest.mark.django_db


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
    index = built_tokens(as_alice, version=version.pk, tokenizer=tokenizer, sample_size=size)
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
    whole = built_tokens(as_alice, version=version.pk, tokenizer=tokenizer, sample_size=8)
    part = built_tokens(as_alice, version=version.pk, theme=theme.pk, tokenizer=tokenizer, sample_size=8)
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
    index = built_tokens(as_alice, version=version.pk, tokenizer=tokenizer, sample_size=None)
    ids = [byte_level().library.encode(sample["text"]).ids for sample in SAMPLES]
    assert as_alice.get(f"{index['url']}samples/1").json() == {"number": 1, "sample": ids[1]}
    found = as_alice.get(f"{index['url']}samples/", {"ids": "-1,0:2"}).json()
    assert [each["sample"] for each in found["results"]] == [ids[3], ids[0], ids[1]]
    assert as_alice.get(f"{index['url']}samples/4").status_code == 404
