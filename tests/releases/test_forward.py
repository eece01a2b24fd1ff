"""Every release brings the data folders of all former ones up to itself, and answers what they answered."""

import json
import sqlite3
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.processes import stop
from tests.releases.make import EXPECTED, HERE, Api, looked_at
from tests.running import Running

FOLDERS = sorted(path.name for path in HERE.glob("*.tar.gz"))


@pytest.mark.parametrize("name", FOLDERS)
def test_its_data_folder_goes_on_as_it_was(name: str, tmp_path: Path) -> None:
    running = Running(tmp_path / "data", arguments=("--no-demo",))
    with tarfile.open(HERE / name) as archive:
        archive.extractall(running.data, filter="data")
    expected: dict[str, Any] = json.loads((running.data / EXPECTED).read_text())
    running.start(THEMIS_MIN_FREE_BYTES="0")
    try:
        running.up()
        api = Api(running, expected["token"])
        assert looked_at(api, expected) == expected["digests"]
        (theme,) = api.get("themes/")["results"]
        assert theme["name"] == "Lärm"
        assert api.get(f"datasets/{expected['dataset']}/versions/gut/")["id"] == expected["version"]
        (run,) = api.get("feedback/")["results"]
        assert (run["name"], run["num_records"]) == ("lauf", 5)
    finally:
        assert running.process is not None
        stop(running.process)


def test_there_is_a_folder_of_the_first_release_with_a_row_in_every_table(tmp_path: Path) -> None:
    with tarfile.open(HERE / "0.1.0.tar.gz") as archive:
        archive.extract("themis.sqlite3", tmp_path, filter="data")
    with sqlite3.connect(tmp_path / "themis.sqlite3") as database:
        tables = [
            name
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name.startswith(
                ("accounts_", "artifacts_", "datasets_", "exports_", "indexing_", "jobs_", "snapshots_")
            )
        ]
        empty = {
            name for name in tables if not database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        }
    assert len(tables) > 20
    # Of Django's own; Themis has no groups.
    assert empty <= {"accounts_user_groups", "accounts_user_user_permissions"}
