"""The command's completions, which need no server."""

import pytest
from click.testing import CliRunner

from themisdb_datasets.commands import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_is_told_how_to_complete(shell: str) -> None:
    told = CliRunner().invoke(main, ["completion", shell])
    assert told.exit_code == 0, told.output
    assert "_THEMIS_COMPLETE" in told.stdout
