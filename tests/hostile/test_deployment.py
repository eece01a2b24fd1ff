"""What an operator gets wrong is told in a sentence, and what stands before the browser is strict."""

import dataclasses
import os
import resource
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client

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
def test_ready_says_what_is_not(client: Client, settings: LazySettings, tmp_path: Path) -> None:
    assert client.get("/health/live").json() == {"status": "ok"}
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    (tmp_path / "file").touch()
    settings.THEMIS = dataclasses.replace(
        settings.THEMIS, redis_url=f"unix://{tmp_path}/none.sock", storage=tmp_path / "file"
    )
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "error",
        "database": "ok",
        "redis": "does not answer",
        "storage": "is no folder",
    }


@pytest.mark.django_db
def test_a_host_that_is_not_ours_is_told_what_to_set(client: Client) -> None:
    for path in ("/", "/api/v1/datasets/"):
        answer = client.get(path, headers={"host": "corpus.example"})
        assert answer.status_code == 400
        assert "THEMIS_ALLOWED_HOSTS" in answer.content.decode()


@pytest.mark.django_db
async def test_static_files_are_whole_cached_and_ours_alone(
    async_client: AsyncClient, settings: LazySettings
) -> None:
    settings.WHITENOISE_AUTOREFRESH = False  # as it is outside the tests
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = await async_client.get("/static/app.css")
        assert answer.status_code == 200
        assert answer.content == (ROOT / "static/app.css").read_bytes()
        assert "max-age" in answer["Cache-Control"]
        assert "Access-Control-Allow-Origin" not in answer
        again = await async_client.get("/static/app.css", headers={"if-none-match": answer["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        part = await async_client.get("/static/app.css", headers={"range": "bytes=2-5"})
        assert (part.status_code, part.content) == (206, answer.content[2:6])
        assert (await async_client.get("/static/../manage.py")).status_code == 404


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
