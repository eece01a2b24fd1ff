"""The database of a data folder: migrated where it is of an earlier release, refused where it is of a later one."""

import sqlite3
import subprocess
import sys

from tests.processes import ROOT
from tests.running import Running, user_environment
from tests.themis_admin.console.conftest import refused


def test_a_database_of_a_later_release_is_refused(running: Running) -> None:
    running.stop()
    with sqlite3.connect(running.data / "themis.sqlite3") as database:
        row = ("jobs", "9999_from_the_future")
        database.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, '2099-01-01')", row
        )
    said = refused(running.data, running.port)
    assert "later release" in said
    assert "jobs.9999_from_the_future" in said
    with sqlite3.connect(running.data / "themis.sqlite3") as database:
        database.execute("DELETE FROM django_migrations WHERE name = ?", row[1:])


def test_a_database_from_before_the_first_release_is_refused(running: Running) -> None:
    """It has datasets, but not the app that came with the first release's tables."""
    running.stop()
    with sqlite3.connect(running.data / "themis.sqlite3") as database:
        where = "app = 'artifacts' AND name = '0001_initial'"
        (applied,) = database.execute(f"SELECT applied FROM django_migrations WHERE {where}").fetchone()
        database.execute(f"DELETE FROM django_migrations WHERE {where}")
    said = refused(running.data, running.port)
    assert "before the first release" in said
    assert "Traceback" not in said
    with sqlite3.connect(running.data / "themis.sqlite3") as database:
        row = ("artifacts", "0001_initial", applied)
        database.execute("INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, ?)", row)


def test_a_database_of_an_earlier_release_is_migrated(running: Running) -> None:
    """As it was before the last migration of the exports app."""
    environment = user_environment(DATA=str(running.data))
    command = [sys.executable, "manage.py", "migrate", "exports", "zero"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    running.start()
    running.up()
    with sqlite3.connect(running.data / "themis.sqlite3") as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    assert any(name.startswith("exports_") for name in tables)
