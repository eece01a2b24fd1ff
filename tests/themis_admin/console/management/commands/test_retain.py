"""`manage.py retain` tells and does what the page does."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.themis_admin.datasets.retention.test_services import five, run
from themis_admin.datasets.models import Dataset, Version
from themis_admin.jobs.models import Job

__all__ = ["five"]

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_command_tells_the_same(five: list[Version], dataset: Dataset) -> None:
    said = StringIO()
    call_command("retain", "gesetze", "--keep-last", "4", stdout=said)
    assert "version 1 " in said.getvalue()
    assert "1 of 5 go" in said.getvalue()
    assert not Job.objects.filter(kind="retain").exists()
    call_command("retain", str(dataset.pk), "--keep-last", "4", "--remove", stdout=said)
    assert run("retain").result["num_removed"] == 1
    with pytest.raises(CommandError, match="No dataset"):
        call_command("retain", "Andere", "--keep-last", "4")
