"""The first run of an empty data folder, also when it is interrupted."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from tests.themis_admin.jobs.conftest import Start, start
from themis_admin.accounts.models import ApiToken, User
from themis_admin.console.demo import demo
from themis_admin.datasets.models import Dataset, Theme, Upload, Version

__all__ = ["start"]


@pytest.mark.django_db(transaction=True)
def test_an_interrupted_first_run_is_completed_by_the_next_start(start: Start, live_server: Any) -> None:
    data = Path(settings.THEMIS.data_dir)
    finished = data / demo.FILE

    def interrupt(text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demo.ensure_first_run(data, url=live_server.url, say=interrupt)
    assert not finished.exists()
    start("worker")
    try:
        made = demo.ensure_first_run(data, url=live_server.url, say=print)
        assert made is not None
        assert json.loads(finished.read_text()) == made
        assert stat.S_IMODE(finished.stat().st_mode) == 0o600
        assert demo.ensure_first_run(data, url="http://elsewhere") == made
    finally:
        finished.unlink(missing_ok=True)
    assert set(made) == {"url", "username", "password", "token", "dataset", "themes"}
    admin = User.objects.get()
    assert admin.is_superuser
    assert admin.check_password(made["password"])
    assert ApiToken.objects.count() == 1
    dataset = Dataset.objects.get(name=made["dataset"])
    assert (Version.objects.count(), dataset.latest and dataset.latest.num_samples) == (1, 5000)
    assert sorted(Theme.objects.values_list("name", flat=True)) == sorted(made["themes"])
    assert not Upload.objects.exists()
    assert not (data / demo.UNFINISHED).exists()
    client = APIClient(headers={"authorization": f"Bearer {made['token']}"})
    where = {"where": Theme.objects.get(name="Immissionsschutz").where}
    assert client.post(f"{dataset.url}themes/preview/", where, format="json").json()["num_samples"] > 1000
    assert made["token"] in demo.announcement(made)


@pytest.mark.django_db
def test_a_folder_that_has_users_gets_no_demo(alice: User, tmp_path: Path) -> None:
    assert demo.ensure_first_run(tmp_path, url="http://127.0.0.1:1") is None
    assert not Dataset.objects.exists()
    assert not (tmp_path / demo.FILE).exists()
    assert not (tmp_path / demo.UNFINISHED).exists()
