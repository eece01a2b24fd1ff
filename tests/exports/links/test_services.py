"""Whom a link lets in: nobody who guesses, and only its owner is told why it is refused."""

import random
import string
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from exports.links import downloads
from exports.models import FileExport, Link, LinkUse
from tests.exports.conftest import client_answer, get, path_of
from tests.exports.links.conftest import body
from tests.exports.links.test_api import URL, linked
from tests.themis_admin.jobs.conftest import start
from themis_admin.accounts.models import AuditEntry

__all__ = ["start"]


def test_a_thousand_altered_tokens_open_nothing(as_alice: APIClient, export: FileExport) -> None:
    token = path_of(linked(as_alice, export=export.pk)).removeprefix("/d/")
    other = path_of(linked(as_alice, export=export.pk)).removeprefix("/d/")
    letters = string.ascii_letters + string.digits + "-_"
    rng = random.Random(4)
    altered = {
        token[:-1],
        token + "A",
        token.swapcase(),
        token[16:] + token[:16],
        token[:16] + other[16:],
        "",
        "x",
    }
    altered |= {token[:at] + token[at + 1 :] for at in range(len(token))}
    for at in range(len(token)):
        altered |= {token[:at] + letter + token[at + 1 :] for letter in rng.sample(letters, 21)}
    while len(altered) < 1_100:
        altered.add("".join(rng.choices(letters, k=48)))
    altered -= {token, other}
    assert len(altered) >= 1_000
    shapes = set()
    for each in altered:
        response = get(f"/d/{each}")
        shapes.add((response.status_code, body(response), tuple(sorted(response.headers.items()))))
    assert {status for status, _, _ in shapes} == {404}
    assert not LinkUse.objects.exists()
    assert get(f"/d/{token}").status_code == 200


def test_only_the_owner_can_tell_why_a_link_is_refused(as_alice: APIClient, export: FileExport) -> None:
    made = {
        name: linked(as_alice, export=export.pk, max_downloads=1) for name in ("revoked", "expired", "used")
    }
    assert as_alice.delete(f"{URL}{made['revoked']['id']}/").status_code == 204
    Link.objects.filter(pk=made["expired"]["id"]).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert body(get(path_of(made["used"])))
    answers = [get(path_of(link)) for link in made.values()]
    answers += [get(path_of(made["used"])[:-1] + "!"), get("/d/nonsense"), get("/d/nonsense/more/of it")]
    answers.append(get(f"{path_of(made['revoked'])}/manifest.json"))
    shapes = {(each.status_code, each.content, tuple(sorted(each.headers.items()))) for each in answers}
    assert len(shapes) == 1
    assert answers[0].status_code == 404
    states = {link["id"]: link["state"] for link in client_answer(as_alice, URL)["results"]}
    assert [states[made[name]["id"]] for name in made] == ["revoked", "expired", "active"]
    used = client_answer(as_alice, f"{URL}{made['used']['id']}/")
    assert (used["num_downloads"], used["max_downloads"]) == (1, 1)


def test_each_use_is_in_the_audit_log(as_alice: APIClient, export: FileExport, lines: bytes) -> None:
    link = linked(as_alice, export=export.pk, note="Bob")
    body(get(path_of(link)))
    body(get(path_of(link), Range="bytes=5-"))
    Client().head(path_of(link))
    uses = client_answer(as_alice, f"{URL}{link['id']}/")["uses"]
    assert [(use["start"], use["num_bytes"], use["ip"]) for use in uses] == [
        (5, len(lines) - 5, "127.0.0.1"),
        (0, len(lines), "127.0.0.1"),
    ]
    kinds = AuditEntry.objects.filter(action__startswith="link.").values_list("action", flat=True)
    assert sorted(kinds) == ["link.created", "link.used", "link.used"]


def test_guessing_is_slowed_down_and_nobody_else_is(
    as_alice: APIClient, export: FileExport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MISSES", 5)
    path = path_of(linked(as_alice, export=export.pk))
    assert [get("/d/nonsense").status_code for _ in range(7)] == [404] * 5 + [429] * 2
    assert get("/d/nonsense")["Retry-After"]
    assert get(path).status_code == 200  # a link that works still does
    elsewhere = Client(REMOTE_ADDR="10.0.0.9")
    assert elsewhere.get("/d/nonsense").status_code == 404
