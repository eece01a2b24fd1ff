"""Exports as files over REST: tried dry, asked for once, and nobody else's."""

from rest_framework.test import APIClient

from exports.models import FileExport
from tests.conftest import client_of
from tests.exports.conftest import URL, Make, client_answer
from themis_admin.accounts.models import User
from themis_admin.datasets.models import Version


def test_a_dry_run_makes_nothing(as_alice: APIClient, version: Version) -> None:
    response = as_alice.post(URL, {"theme": "Lärm", "dry_run": True}, format="json")
    assert (response.status_code, response.json()["num_samples"]) == (200, 3)
    assert not FileExport.objects.exists()


def test_the_same_request_under_a_key_is_one_export(as_alice: APIClient, version: Version) -> None:
    key = {"Idempotency-Key": "k1"}
    first, second = (
        as_alice.post(URL, {"theme": "Lärm"}, format="json", headers=key).json() for _ in range(2)
    )
    assert first["job"]["id"] == second["job"]["id"]
    assert FileExport.objects.count() == 1
    other = as_alice.post(URL, {"theme": "Daten"}, format="json", headers=key)
    assert other.status_code == 409


def test_to_others_it_does_not_exist(make: Make, bob: User, version: Version) -> None:
    export = make(theme="Lärm")
    as_bob = client_of(bob, "admin")
    assert client_answer(as_bob, URL)["results"] == []
    artifact = export.refs()[0].artifact
    for url in (
        f"{URL}{export.pk}/",
        f"/api/v1/artifacts/{artifact.pk}",
        f"/api/v1/artifacts/{artifact.pk}/about/",
    ):
        assert as_bob.get(url).status_code == 404
    assert as_bob.delete(f"{URL}{export.pk}/?break_links=true").status_code == 404
    assert as_bob.post(URL, {"theme": "Lärm"}, format="json").status_code == 400
    reader = client_of(export.owner, "read")
    assert reader.post(URL, {"theme": "Lärm"}, format="json").status_code == 403
