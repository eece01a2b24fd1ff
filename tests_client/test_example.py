"""The worked example trains on the live stream, and goes on as if it had never stopped."""

from pathlib import Path

import pytest

from examples.train import train
from tests_client.conftest import Live


def test_it_learns_and_goes_on_where_it_was(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEMIS_URL", live.url)
    monkeypatch.setenv("THEMIS_TOKEN", live.token)
    theme = live.themes[0]
    whole = train(tmp_path / "whole", theme=theme, steps=8, every=2)
    begun = train(tmp_path / "parted", theme=theme, steps=4, every=2)
    assert [step for step, _ in whole] == [2, 4, 6, 8]
    assert begun == whole[:2]
    # The theme is not asked for again: the folder knows the plan.
    gone_on = train(tmp_path / "parted", theme="no longer there", steps=8, every=2)
    assert [step for step, _ in gone_on] == [2, 4, 6, 8]
    assert [loss for _, loss in gone_on] == pytest.approx([loss for _, loss in whole], rel=1e-4)
    assert whole[-1][1] < whole[0][1] - 0.3
