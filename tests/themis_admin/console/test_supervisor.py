"""The supervisor starts again what dies."""

import os
import sys
from pathlib import Path

from tests.processes import until
from themis_admin.console.supervisor import Child, Supervisor


def test_what_dies_at_once_is_started_again_with_growing_pauses(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(say=said.append)
    supervisor.add(Child("brief", [sys.executable, "-c", ""], dict(os.environ), tmp_path / "log"))
    child = supervisor.children[0]

    def failed_often() -> bool:
        supervisor.tend()
        return child.failures >= 3

    until(failed_often)
    assert child.not_before > child.started + 1.0
    supervisor.stop()
    assert all("brief ended with 0" in line for line in said)
