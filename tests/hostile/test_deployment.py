"""What an operator gets wrong is told in a sentence, and what stands before the browser is strict."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

from tests.processes import ROOT


def test_with_https_cookies_go_over_https_only(tmp_path: Path) -> None:
    told = "from django.conf import settings as s; print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE)"
    for value, expected in (("true", "True True"), ("", "False False")):
        ran = subprocess.run(
            [sys.executable, "-c", told],
            cwd=ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "themis_admin.settings",
                "THEMIS_DATA": str(tmp_path),
                "THEMIS_HTTPS": value,
            },
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.strip() == expected


@pytest.mark.django_db
def test_a_host_that_is_not_ours_is_told_what_to_set(client: Client) -> None:
    for path in ("/", "/api/v1/datasets/"):
        answer = client.get(path, headers={"host": "corpus.example"})
        assert answer.status_code == 400
        assert "THEMIS_ALLOWED_HOSTS" in answer.content.decode()
