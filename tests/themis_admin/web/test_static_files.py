"""Static files are whole, cached, and ours alone."""

import warnings

import pytest
from django.conf import LazySettings
from django.test import AsyncClient

from tests.processes import ROOT


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
