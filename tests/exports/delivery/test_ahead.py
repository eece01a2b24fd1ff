"""A stream's selection is there before it is asked for: a job builds it when a version or a theme changes."""

from itertools import product
from typing import Any

import pytest

from exports.delivery import ahead
from exports.delivery.opening import open_request
from exports.requests.body import StreamBody
from tests.themis_admin.datasets.conftest import Ingest
from themis_admin.accounts.models import User
from themis_admin.datasets import services as datasets
from themis_admin.datasets.models import Dataset
from themis_admin.datasets.themes import services as themes
from themis_admin.jobs import runner
from themis_admin.jobs.models import Job
from themis_admin.storage.stores import kept_files

pytestmark = pytest.mark.django_db(transaction=True)


def built() -> set[str]:
    """The selections that are there, and the tables of draws."""
    return {
        f"{path.parent.name}/{path.name}"
        for name in ("positions", "draws")
        for path in kept_files().root.glob(f"??/*/{name}.npy")
    }


def prepare() -> Job:
    job = Job.objects.get(kind=ahead.KIND, state="queued")
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


def test_what_a_stream_needs_is_built_before_it_is_asked_for(
    ingest: Ingest, dataset: Dataset, alice: User
) -> None:
    mapping = {"instruction_field": "id", "output_field": "text"}
    datasets.update_dataset(dataset, user=alice, field_mapping=mapping)
    samples: list[Any] = [{"id": f"s/{n}", "n": n, "text": "x" * n} for n in range(20)]
    ingest(samples)
    theme = themes.create_theme(
        dataset, user=alice, name="Kurz", where={"field": "n", "op": "lt", "value": 5}
    )
    job = prepare()
    # Of the theme and of all: for instructions and chats, and for raw lines; of the theme with weights to draw by, too.
    assert job.result["num_selections"] == 5
    log = " ".join(job.events.filter(kind="job.log").values_list("data__text", flat=True))
    assert "text_completion" in log, "what cannot be served is said"
    before = built()
    unweighted: tuple[Any, ...] = ("stored", "shuffled")
    for order, name in (*product(unweighted, ("Kurz", None)), ("weighted", "Kurz")):
        open_request(StreamBody(dataset=dataset.pk, theme=name, order=order), alice)
        open_request(StreamBody(dataset=dataset.pk, theme=name, format="raw", order=order), alice)
    assert built() == before

    themes.update_theme(theme, user=alice, where={"field": "n", "op": "lt", "value": 6})
    prepare()
    ingest([{"id": "s/20", "n": 1, "text": "neu"}])
    prepare()
    before = built()
    assert open_request(StreamBody(theme="Kurz"), alice).delivery.num_samples == 6
    assert built() == before


def test_changes_that_follow_each_other_wait_for_one_job(
    ingest: Ingest, dataset: Dataset, alice: User
) -> None:
    ingest([{"id": 1, "n": 1}])
    for number in range(3):
        where = {"field": "n", "op": "eq", "value": number}
        themes.create_theme(dataset, user=alice, name=f"Thema {number}", where=where)
    assert Job.objects.filter(kind=ahead.KIND).count() == 1
