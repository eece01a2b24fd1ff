"""The same tests on PostgreSQL: those of all that depends on the database, in a run of their own."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT, free_port, stop
from tests.programs import postgresql
from themis_admin.processes import die_with_parent

# Of the tests that kill, those whose outcome could differ from SQLite's.
SUITES = (
    "tests/themis_admin/jobs",
    "tests/themis_admin/accounts",
    "tests/themis_admin/artifacts",
    "tests/themis_admin/console/demo",
    "tests/themis_admin/datasets",
    "tests/themis_admin/snapshots",
    "tests/themis_admin/web",
    "tests/exports/files",
    "tests/exports/links",
    "tests/exports/test_limits.py",
    "tests/indexing",
    "tests/hostile/test_races.py",
    "tests/hostile/test_requests.py",
)
LEFT_OUT = (
    "not (frozen or pool_process or kills_its_workers or broker_has_lost or cancelling_stops or of_3_gb"
    " or altered_tokens or test_pages)"  # pages ask by the same querysets as the API
)


def as_nobody(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return (
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]
        if os.getuid() == 0
        else command
    )


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """A cluster of our own, on a socket in a folder that goes afterwards."""
    programs = postgresql()
    folder = Path(tempfile.mkdtemp(prefix="themis-pg-", dir="/tmp"))
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    data, port = folder / "data", free_port()
    options = f"-k {folder} -p {port} -c listen_addresses='' -c fsync=off -c max_connections=60"
    control = [str(programs / "pg_ctl"), "-D", str(data), "-s", "-w", "-l", str(folder / "log")]
    initdb = [str(programs / "initdb"), "-D", str(data), "-U", "themis", "-A", "trust", "-E", "UTF8", "-N"]
    subprocess.run(as_nobody(initdb), check=True, stdout=subprocess.DEVNULL, cwd=folder)
    subprocess.run(
        as_nobody([*control, "-o", options, "start"]), check=True, stdout=subprocess.DEVNULL, cwd=folder
    )
    try:
        yield f"postgresql://themis@/postgres?host={folder}&port={port}"
    finally:
        subprocess.run(as_nobody([*control, "-m", "immediate", "stop"]), check=True, cwd=folder)
        shutil.rmtree(folder)


@pytest.mark.timeout(1800)  # a busy machine is slow, and not wrong
def test_it_all_holds_on_postgresql(database_url: str, tmp_path: Path) -> None:
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("THEMIS_TEST_", "PYTEST_"))
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", LEFT_OUT, *SUITES]
    said = tmp_path / "said"
    parent = os.getpid()
    with said.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**ours, "DATABASE_URL": database_url},
            stdout=file,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: die_with_parent(parent),
        )
    try:
        assert process.wait() == 0, said.read_text(errors="replace")[-20_000:]
    finally:
        stop(process)
