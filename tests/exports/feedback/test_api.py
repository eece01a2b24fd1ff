"""Feedback over REST: what a run tells once, is folded, and becomes a weighting that streams have."""

import hashlib
import json
from typing import Any

import numpy as np
import pytest
from rest_framework.test import APIClient

from exports.feedback.frames import Teller, parse_frame
from exports.models import Factors, FeedbackRun
from tests.conftest import client_of
from tests.exports.conftest import SAMPLES, Ask, lines
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.accounts.models import User
from themis_admin.artifacts.models import Artifact, ArtifactRef
from themis_admin.datasets import services
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job
from themisdb_datasets.engine.weights.difficulty import RECORD

URL = "/api/v1/feedback/"
QUERY = {"format": "raw", "order": "shuffled", "seed": 3}


@pytest.fixture
def writer(alice: User) -> APIClient:
    return client_of(alice, "export", "write")


def plan_of(ask: Ask, **query: Any) -> dict[str, Any]:
    response: Any = ask(**query, dry_run=True)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def tell(client: APIClient, **body: Any) -> dict[str, Any]:
    response = client.post(URL, body, format="json")
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def ran(response: Any) -> Job:
    assert response.status_code == 202, response.content
    pk = response.json()["job"]["id"]
    runner.run(pk)
    return Job.objects.get(pk=pk)


def told(run: FeedbackRun) -> dict[bytes, list[float]]:
    """All that is kept of a run."""
    found: dict[bytes, list[float]] = {}
    for sender in run.senders.all():
        for each in np.fromfile(sender.path, RECORD, sender.num_records):
            found.setdefault(each["id"].tobytes(), []).append(float(each["loss"]))
    return found


def test_positions_of_a_shuffled_plan_lead_to_their_samples(
    version: Version, dataset: Dataset, ask: Ask, as_alice: APIClient
) -> None:
    plan = plan_of(ask, dataset=dataset.pk, **QUERY)
    served = lines_as_sent(ask(dataset=dataset.pk, **QUERY))
    losses = [n / 4 for n in range(len(served))]
    body = {"plan": plan["plan"], "positions": list(range(len(served))), "losses": losses}
    answer = tell(as_alice, run="lora-7", sender="rank0", seq=1, **body)
    run = FeedbackRun.objects.get()
    assert answer == {"run": "lora-7", "url": run.url, "ack": 1, "num": 6, "errors": [], "num_errors": 0}
    assert told(run) == {
        hashlib.sha256(line).digest()[:16]: [loss] for line, loss in zip(served, losses, strict=True)
    }
    # A position after the epoch's end is that of a padded rank: the epoch's begin.
    tell(as_alice, run="lora-7", cursor=f"{plan['plan']}.{len(served)}", loss=9)
    assert told(run)[hashlib.sha256(served[0]).digest()[:16]] == [0.0, 9.0]


def lines_as_sent(response: Any) -> list[bytes]:
    assert response.status_code == 200, response.content
    return b"".join(bytes(chunk) for chunk in response).splitlines()


def test_lines_of_a_continuous_plan_lead_to_the_versions_that_they_came_with(
    version: Version, dataset: Dataset, ingest: Ingest, ask: Ask, as_alice: APIClient
) -> None:
    asked = {"theme": "Lärm", "format": "raw", "stream_mode": "continuous"}
    plan = plan_of(ask, dataset=dataset.pk, **asked)["plan"]
    later: list[list[dict[str, Any]]] = [
        [{"id": n, "category": "Lärm", "answer": f"{n} dB"} for n in (7, 8)],
        [{"id": 9, "category": "Daten"}],
        [{"id": 10, "category": "Lärm"}, {"id": 11, "category": "Daten"}, {"id": 12, "category": "Lärm"}],
    ]
    told_first = {"plan": plan, "positions": [0, 2], "losses": [1, 2]}
    assert tell(as_alice, run="endless", **told_first)["num"] == 2
    (error,) = tell(as_alice, run="endless", cursor=f"{plan}.3", loss=9)["errors"]
    assert error["code"] == "past_the_end"
    for samples in later:
        assert ingest(samples).state == "succeeded"
    answer = tell(as_alice, run="endless", plan=plan, positions=[6, 3, 1, 4, 5], losses=[6, 3, 1, 4, 5])
    assert (answer["num"], answer["num_errors"]) == (5, 0)
    expected = [*SAMPLES[:3], *later[0], later[2][0], later[2][2]]
    by_id = {
        hashlib.sha256(json.dumps(each, ensure_ascii=False).encode()).digest()[:16]: each["id"]
        for each in expected
    }
    found = {by_id[sample]: losses for sample, losses in told(FeedbackRun.objects.get()).items()}
    assert found == {1: [1.0], 3: [2.0], 10: [5.0], 12: [6.0], 7: [3.0], 8: [4.0], 2: [1.0]}


def test_what_is_told_again_counts_once(
    version: Version, dataset: Dataset, ask: Ask, as_alice: APIClient
) -> None:
    plan = plan_of(ask, dataset=dataset.pk)["plan"]
    items = [{"cursor": f"{plan}.0", "loss": 1.5}]
    for _ in range(3):
        assert tell(as_alice, sender="a", seq=1, items=items)["ack"] == 1
    assert tell(as_alice, sender="a", seq=7, items=items)["ack"] == 7
    assert tell(as_alice, sender="b", seq=1, items=items)["ack"] == 1
    assert tell(as_alice, items=items)["ack"] == 1  # somebody without a name is never told twice from another
    run = FeedbackRun.objects.get()
    assert list(told(run).values()) == [[1.5] * 4]
    assert as_alice.get(URL).json()["results"][0]["num_records"] == 4


def test_two_that_do_not_count_under_one_name_lose_nothing(
    version: Version, dataset: Dataset, ask: Ask, alice: User
) -> None:
    frame = parse_frame(json.dumps({"cursor": f"{plan_of(ask, dataset=dataset.pk)['plan']}.0", "loss": 1.5}))
    one, other = (Teller(alice, sender="trainer", dataset=dataset) for _ in range(2))
    assert [teller.tell(frame)["ack"] for teller in (one, other, other, one)] == [1, 2, 3, 4]
    assert list(told(FeedbackRun.objects.get()).values()) == [[1.5] * 4]


def test_items_that_cannot_be_taken_are_named_and_the_others_kept(
    version: Version, dataset: Dataset, ask: Ask, as_alice: APIClient
) -> None:
    plan = plan_of(ask, dataset=dataset.pk)["plan"]
    wrong: list[tuple[Any, str]] = [
        ({"cursor": f"{plan}.1", "loss": -1}, "bad_loss"),
        ({"cursor": f"{plan}.1", "loss": None}, "bad_loss"),
        ({"cursor": f"{plan}.x", "loss": 1}, "bad_cursor"),
        ({"cursor": f"{'0' * 64}.1", "loss": 1}, "unknown_plan"),
        ({"loss": 1}, "bad_item"),
        ({"sample_id": "zz", "loss": 1}, "bad_item"),
        ("what", "bad_item"),
    ]
    items = [
        *(item for item, _ in wrong),
        {"cursor": f"{plan}.1", "loss": 2},
        {"sample_id": "ab" * 16, "loss": 3},
    ]
    answer = tell(as_alice, items=items)
    assert answer["num"] == 2
    assert [(each["item"], each["code"]) for each in answer["errors"]] == [
        (number, code) for number, (_, code) in enumerate(wrong)
    ]
    assert sorted(told(FeedbackRun.objects.get()).values()) == [[2.0], [3.0]]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"items": {}},
        {"items": [{}] * 10_001},
        {"plan": "x", "positions": [1], "losses": []},
        {"plan": 7, "positions": [1], "losses": [1]},
        {"seq": 0, "items": []},
        {"seq": True, "items": []},
        {"run": 7, "items": []},
        {"run": " ", "items": []},
        {"run": "x" * 201, "items": []},
        {"sender": "a b", "items": []},
        {"dataset": 1.5, "items": []},
    ],
)
def test_frames_that_make_no_sense_are_refused_whole(
    version: Version, as_alice: APIClient, body: Any
) -> None:
    response = as_alice.post(URL, body, format="json")
    assert response.status_code == 400, response.content
    assert not FeedbackRun.objects.exists()


def test_others_see_and_tell_nothing(
    version: Version, dataset: Dataset, ask: Ask, as_alice: APIClient, as_bob: APIClient
) -> None:
    plan = plan_of(ask, dataset=dataset.pk)["plan"]
    answer = tell(as_alice, cursor=f"{plan}.0", loss=1)
    stranger = tell(as_bob, cursor=f"{plan}.0", loss=1)
    assert [each["code"] for each in stranger["errors"]] == ["unknown_plan"]
    assert as_bob.post(URL, {"dataset": dataset.pk, "items": []}, format="json").status_code == 404
    for path in ("", "difficulty/"):
        assert as_bob.get(answer["url"] + path).status_code == 404
    assert as_bob.get(URL).json()["results"] == []
    run = FeedbackRun.objects.get()
    assert run.num_records == 1


@pytest.mark.django_db(transaction=True)
def test_a_run_becomes_a_weighting_that_never_changes(
    version: Version, dataset: Dataset, ask: Ask, as_alice: APIClient, writer: APIClient, alice: User
) -> None:
    plan = plan_of(ask, dataset=dataset.pk, quality_filters={"skip_empty_outputs": False})["plan"]
    hard = {"plan": plan, "positions": [0, 1, 2], "losses": [4.0, 1.0, 1.0]}
    url = tell(as_alice, run="lora", sender="a", seq=1, **hard)["url"]
    assert writer.get(f"{url}difficulty/").status_code == 409
    assert ran(writer.post(f"{url}difficulty/")).state == "succeeded"
    found = writer.get(f"{url}difficulty/", {"length": 2}).json()
    assert [(each["position"], each["difficulty"]) for each in found["results"]] == [(0, 4.0), (1, 1.0)]
    assert found["difficulty"]["num_samples"] == 3
    assert found["num_records_since"] == 0

    assert writer.post(f"{url}weighting/", {"name": "Hard", "least": 3}, format="json").status_code == 400
    job = ran(writer.post(f"{url}weighting/", {"name": "Hard", "missing": 0.25}, format="json"))
    assert job.state == "succeeded", job.error
    assert job.result is not None
    rule = writer.get(f"/api/v1/weighting-rules/{job.result['weighting_rule']}/").json()
    assert rule["kind"] == "adaptive"
    query = {"dataset": dataset.pk, "weighting": {"rules": ["Hard"], "weight_field": "none"}, "explain": True}
    before = lines(ask(**query))
    assert [line["weight_factors"]["Hard"] for line in before] == [2.0, 0.5, 0.5, 0.25, 0.25]
    for change in ({"missing": 1}, {"kind": "value", "field": "id"}):
        refused = writer.patch(rule["url"], change, format="json")
        assert (refused.status_code, refused.json()["code"]) == (409, "immutable_rule")
    same = {"description": "By the first run.", "missing": 0.25}
    assert writer.patch(rule["url"], same, format="json").json()["factors"] == rule["factors"]

    # More is told, and another weighting made; the run and the first rule go. The plan still has its factors.
    cursor = plan_of(ask, **query)["cursor"]
    tell(as_alice, run="lora", sender="a", seq=2, plan=plan, positions=[1] * 9, losses=[50.0] * 9)
    assert ran(writer.post(f"{url}weighting/", {"name": "Hard 2"}, format="json")).state == "succeeded"
    assert writer.delete(rule["url"]).status_code == 204
    folder = FeedbackRun.objects.get().folder
    assert writer.delete(url).status_code == 204
    for job in Job.objects.filter(state="queued"):
        runner.run(job.pk)
    assert not folder.exists()
    assert lines(ask(cursor=cursor)) == before
    assert Factors.objects.count() == 2


def test_a_rule_cannot_read_what_is_not_its_datasets(
    version: Version, dataset: Dataset, ask: Ask, as_alice: APIClient, writer: APIClient, bob: User
) -> None:
    plan = plan_of(ask, dataset=dataset.pk)["plan"]
    url = tell(as_alice, cursor=f"{plan}.0", loss=1)["url"]
    assert ran(writer.post(f"{url}weighting/", {"name": "Hard"}, format="json")).state == "succeeded"
    digest = Factors.objects.get().digest
    other = services.create_dataset(user=bob, name="Other")
    stolen = {"name": "Stolen", "kind": "adaptive", "factors": digest}
    as_other = client_of(bob, "read", "write")
    for path in ("", "preview/"):
        body = stolen if not path else {"kind": "adaptive", "factors": digest}
        response = as_other.post(f"/api/v1/datasets/{other.pk}/weighting-rules/{path}", body, format="json")
        assert response.status_code in (400, 422), response.content


@pytest.mark.django_db(transaction=True)
def test_a_deleted_dataset_takes_its_feedback_along(
    version: Version, dataset: Dataset, ask: Ask, as_alice: APIClient, writer: APIClient, alice: User
) -> None:
    plan = plan_of(ask, dataset=dataset.pk)["plan"]
    url = tell(as_alice, cursor=f"{plan}.0", loss=1)["url"]
    assert ran(writer.post(f"{url}weighting/", {"name": "Hard"}, format="json")).state == "succeeded"
    folder = FeedbackRun.objects.get().folder
    assert folder.exists()
    assert Artifact.objects.count() == 2
    services.delete_dataset(dataset, user=alice)
    assert not folder.exists()
    assert not ArtifactRef.objects.exists()


def test_documents_of_feedback_are_json_for_everyone(
    version: Version, dataset: Dataset, ask: Ask, as_alice: APIClient
) -> None:
    plan = plan_of(ask, dataset=dataset.pk)["plan"]
    url = tell(as_alice, run="lä uf", cursor=f"{plan}.0", loss=1)["url"]
    answer = as_alice.get(url)
    assert json.loads(answer.content)["name"] == "lä uf"
    assert as_alice.get(URL, {"name": "UF"}).json()["results"][0]["id"] == answer.json()["id"]
    assert as_alice.get(URL, {"dataset": 10**9}).json()["results"] == []
    assert len(SAMPLES) == version.num_samples
