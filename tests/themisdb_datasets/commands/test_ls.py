"""`themis ls`: what there is."""

import pytest

from tests.running import Running
from tests.themisdb_datasets.conftest import Themis, answer
from themisdb_datasets.commands.ls import KINDS

pytestmark = pytest.mark.usefixtures("home")


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("kind", KINDS)
def test_what_there_is_is_listed(themis: Themis, live: Running, kind: str) -> None:
    arguments = ["ls", kind, *([live.known["dataset"].upper()] if kind == "versions" else [])]
    objects = answer(themis(*arguments, "--json"))
    lines = themis(*arguments).stdout.splitlines()
    if not objects:
        assert lines == [f"There are no {kind}."]
        return
    assert lines[0].split() == list(KINDS[kind].columns)
    assert len(lines) == len(objects) + 1
    for line, each in zip(lines[1:], objects, strict=True):
        assert str(each.get("id", each.get("export_id"))) == line.split()[0]
