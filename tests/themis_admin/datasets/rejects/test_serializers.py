"""Bodies with mended lines: bad ones are refused."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.themis_admin.datasets.rejects.test_mending import send, version
from themis_admin.datasets.models import Version

__all__ = ["version"]

pytestmark = pytest.mark.django_db(transaction=True)


def test_bad_bodies_are_refused(as_alice: APIClient, as_bob: APIClient, version: Version) -> None:
    url = f"{version.url}rejects/"
    one = {"number": 0, "text": "{}"}
    bodies: tuple[dict[str, Any], ...] = (
        {},
        {"lines": []},
        {"lines": [one, one]},
        {"lines": [{"number": -1, "text": ""}]},
        {"lines": [{}]},
    )
    for body in bodies:
        assert as_alice.post(url, body, format="json").status_code == 400, body
    assert send(as_alice, version, {0: "{}"}, mode="replace").status_code == 400
    assert send(as_bob, version, {0: "{}"}).status_code == 404
