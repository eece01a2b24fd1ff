"""`themis login`: what it keeps, and for whom."""

from pathlib import Path

import pytest

from tests.running import Running
from tests.themisdb_datasets.conftest import Themis
from tests.themisdb_datasets.proxy import before

pytestmark = pytest.mark.usefixtures("home")


def test_login_is_kept_for_the_owner_only(
    themis: Themis, live: Running, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = live.known["token"]
    monkeypatch.delenv("THEMIS_URL")
    monkeypatch.delenv("THEMIS_TOKEN")
    assert "themis login" in themis("ls", code=1).stderr
    assert "token" in themis("login", live.url, given="thm_wrong\n", code=1).stderr.lower()
    written = home / "xdg_config_home" / "themis" / "login.json"
    assert not written.exists(), "what does not work is not kept"
    said = themis("login", f"{live.url}/", given=f"{token}\n").stdout
    assert live.url in said
    assert "admin" in said
    assert token not in said
    assert written.stat().st_mode & 0o077 == 0
    assert live.known["dataset"] in themis("ls").stdout
    # It is only sent to where it belongs.
    with before(live.port) as elsewhere:
        assert "no token" in themis("ls", "--url", elsewhere.url, code=1).stderr
        assert elsewhere.requests == []
    written.write_text("{")
    assert "cannot be read" in themis("ls", code=1).stderr
    # Where nobody can be asked, what stands in standard input is the token, which is told to nobody.
    failed = themis("login", given=f"{token}\n", code=1)
    assert "themis login ADDRESS" in failed.stderr
    assert token not in failed.output
    assert "has no token" in themis("login", live.url, given="", code=1).stderr
    themis("login", live.url, given=token)
    themis("logout")
    assert not written.exists()
    themis("logout")
