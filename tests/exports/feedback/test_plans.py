"""Lines of a plan lead back to their samples."""

import hashlib
import json
from typing import Any

from rest_framework.test import APIClient

from exports.models import FeedbackRun
from tests.exports.conftest import SAMPLES, Ask
from tests.exports.feedback.conftest import plan_of, tell, told
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.datasets.models import Dataset, Version

QUERY = {"format": "raw", "order": "shuffled", "seed": 3}


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
