"""Dataset cards: what they say of a plan, as the Hub reads it, and that nobody's own README.md is lost."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.running import Running
from themisdb_datasets.client.client import Client
from themisdb_datasets.errors import ConflictError, NotFoundError
from themisdb_datasets.huggingface.cards import push_card

QUERY = {"theme": "Immissionsschutz", "order": "shuffled", "seed": 3, "format": "chat_completion"}


@pytest.fixture
def themis(live: Running) -> dict[str, str]:
    return {"base_url": live.url, "token": live.known["token"]}


def head(card: str) -> Any:
    """What stands between the two lines of dashes."""
    found = re.fullmatch(r"---\n(.*?)\n---\n\n# .*", card, re.DOTALL)
    assert found is not None
    return yaml.safe_load(found[1])


def test_a_card_says_where_the_samples_come_from(themis: dict[str, str], tmp_path: Path) -> None:
    card = push_card(QUERY, **themis, folder=tmp_path, license="cc0-1.0", language=["de"])
    assert (tmp_path / "README.md").read_text() == card
    with Client(themis["base_url"], themis["token"]) as client:
        plan = client.plan(QUERY)
    said = head(card)
    assert said["license"] == "cc0-1.0" and said["language"] == ["de"] and said["tags"] == ["themis"]
    assert said["themis_plan"] == plan.digest and said["themis_version"] == plan.version
    assert said["size_categories"] == ["1K<n<10K"] and 1_000 < plan.num_samples < 10_000
    info = said["dataset_info"]
    assert info["splits"] == [{"name": "train", "num_examples": plan.num_samples}]
    turns = [{"name": "role", "dtype": "string"}, {"name": "content", "dtype": "string"}]
    assert info["features"][0] == {"name": "messages", "list": turns}
    assert info["features"][1] == {"name": "weight", "dtype": "float64"}
    assert [each["name"] for each in info["features"][2]["struct"]] == ["source", "category", "tags"]
    assert "| order | shuffled, seed 3, epoch 0 |" in card
    assert f'load({{"cursor":"{plan.cursor}"}})' in card
    assert "| metadata.category | text |" in card
    assert plan.document["select"] and "Immissionsschutz" in card


def test_equal_plans_have_equal_cards_and_a_part_says_so(themis: dict[str, str]) -> None:
    assert push_card(QUERY, **themis) == push_card({**QUERY, "batch_size": 7}, **themis)
    part = push_card({**QUERY, "start": 5, "limit": 10}, **themis)
    assert re.search(r'load\(\{"cursor":"[0-9a-f]{64}\.5","limit":10\}\)', part)
    assert head(part)["size_categories"] == ["n<1K"]


def test_a_card_is_written_again_but_over_no_other_readme(themis: dict[str, str], tmp_path: Path) -> None:
    first = push_card(QUERY, **themis, folder=tmp_path)
    second = push_card({**QUERY, "seed": 4}, **themis, folder=tmp_path)
    assert first != second == (tmp_path / "README.md").read_text()
    (tmp_path / "README.md").write_text("# Mine\n")
    with pytest.raises(ConflictError, match="move it away"):
        push_card(QUERY, **themis, folder=tmp_path)
    assert (tmp_path / "README.md").read_text() == "# Mine\n"


def test_what_is_not_there_has_no_card(themis: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        push_card({"dataset": "Unbekannt"}, **themis, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_head_is_yaml_whatever_is_put_into_it(themis: dict[str, str]) -> None:
    about: dict[str, Any] = {"pretty_name": 'Recht: "§ 1" # | 漢', "configs": [{"config_name": "a", "data_files": ["x", 1.5, None, True]}],
             "empty": [], "Odd name": {"x": {}}}  # fmt: skip
    said = head(push_card(QUERY, **themis, **about))
    assert {name: said[name] for name in about} == about
