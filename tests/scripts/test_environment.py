"""Which Python an environment is made with, as `scripts/environment.sh` finds it."""

import subprocess
import sys
from pathlib import Path

from tests.processes import ROOT
from tests.running import user_environment

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def find(tmp_path: Path, *version: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Ask for an environment that has all it needs already, so that nothing is installed."""
    venv = tmp_path / "venv"
    return subprocess.run(
        ["sh", ROOT / "scripts" / "environment.sh", "run", venv, *version],
        env=user_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_version_that_is_not_here_is_told(tmp_path: Path) -> None:
    ran = find(tmp_path, "3.999")
    assert ran.returncode == 1
    assert "Python 3.999 was asked for and is not here" in ran.stderr


def test_a_named_python_has_to_be_one(tmp_path: Path) -> None:
    ran = find(tmp_path, THEMIS_PYTHON="/nowhere/python3")
    assert ran.returncode == 1
    assert "THEMIS_PYTHON=/nowhere/python3 is none" in ran.stderr


def test_an_environment_that_is_complete_stays_as_it_is(tmp_path: Path) -> None:
    made = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], check=True)
    (made / "installed-run.lock").write_bytes((ROOT / "requirements" / "run.lock").read_bytes())
    for ran in (find(tmp_path), find(tmp_path, VERSION), find(tmp_path, THEMIS_PYTHON=sys.executable)):
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
