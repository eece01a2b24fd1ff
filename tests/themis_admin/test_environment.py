"""Settings out of the environment: what cannot be read is named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.processes import ROOT
from themis_admin import environment


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("THEMIS_SHARD_BYTES", "lots", "THEMIS_SHARD_BYTES is a size such as 256MB, not 'lots'"),
        ("THEMIS_LEASE_SECONDS", "0", "THEMIS_LEASE_SECONDS is at least 1"),
        ("THEMIS_DUCK_THREADS", "two", "THEMIS_DUCK_THREADS is a whole number"),
        ("THEMIS_HTTPS", "maybe", "THEMIS_HTTPS is true or false"),
        ("THEMIS_STORAGE", "s3://bucket", "THEMIS_STORAGE is a folder"),
        ("DATABASE_URL", "mysql://x", "DATABASE_URL looks like postgresql://"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(name: str, value: str, sentence: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "themis_admin.settings",
            "THEMIS_DATA": str(tmp_path),
            name: value,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != 0
    assert sentence in ran.stderr


def test_sizes_have_units(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, size in (("5", 5), ("1.5 kB", 1500), ("256MB", 256 * 10**6), ("4 gb", 4 * 10**9), ("", 7)):
        monkeypatch.setenv("SIZE", text)
        assert environment.size("SIZE", 7) == size
    for text in ("-", "MB", "inf", "1e999", "5 elephants"):
        monkeypatch.setenv("SIZE", text)
        with pytest.raises(ImproperlyConfigured):
            environment.size("SIZE", 7)
