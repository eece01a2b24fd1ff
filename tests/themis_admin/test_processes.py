"""What a process may do is settled as it starts."""

import resource
import subprocess
import sys

import pytest

from tests.processes import ROOT


def test_a_process_may_open_more_files_than_most_systems_begin_with() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most != resource.RLIM_INFINITY and most <= 256:
        pytest.skip("this system allows so few")
    program = (
        "import resource as r; most = r.getrlimit(r.RLIMIT_NOFILE)[1]; r.setrlimit(r.RLIMIT_NOFILE, (256, most));"
        " import themis_admin; print(r.getrlimit(r.RLIMIT_NOFILE)[0])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) > 256
