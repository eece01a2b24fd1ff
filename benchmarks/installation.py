"""An installation to measure: its database, a user with a token, and a dataset ingested by the runner of its jobs."""

import json
import sys
from pathlib import Path

import django
from django.core.management import call_command

DATASET = "Benchmark"


def install(corpus: Path) -> str:
    """Fill the data folder that the environment names, and return a token."""
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)

    # Models can be imported only now.
    from themis_admin.accounts import services as accounts
    from themis_admin.accounts.models import User
    from themis_admin.datasets import services, tasks
    from themis_admin.datasets.ingest import services as ingest
    from themis_admin.jobs import runner

    assert "ingest" in runner.KINDS, tasks
    user = User.objects.create_superuser("benchmark", password=None)
    _, token = accounts.create_token(user, name="benchmark", scopes=["read", "export"])
    dataset = services.create_dataset(user=user, name=DATASET)
    job = ingest.start_ingest(dataset, user=user, sources=[corpus])
    runner.run(job.pk)
    job.refresh_from_db()
    if job.state != "succeeded":
        raise SystemExit(f"The ingest {job.state}: {job.error}")
    return token


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"token": install(Path(sys.argv[1]))}))
