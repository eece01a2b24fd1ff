"""Celery: it carries the hint that a job waits; the job itself is in the database."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from themis_admin.processes import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "themis_admin.settings")
WORKER = "THEMIS_WORKER_PROCESS"  # the process id of the worker, for those of its pool
if WORKER in os.environ:
    # As early as can be: a process of the pool must not work on, or start to, when its worker was killed.
    die_with_parent(int(os.environ[WORKER]))

# Without these a connection that is frozen, its other end having gone without a word, is never noticed.
SOCKET = {
    "socket_timeout": 3,
    "socket_connect_timeout": 3,
    "health_check_interval": 10,
    "socket_keepalive": True,
}


# A hint may be lost, so nobody waits for a broker that does not answer; the worker's own connection does.
HINT = {"max_retries": 1, "interval_start": 0.1, "interval_step": 0, "interval_max": 0.1}


def broker_url(redis_url: str) -> str:
    """Celery's spelling of a Redis address: a unix socket has a scheme of its own."""
    return redis_url.replace("unix://", "redis+socket://", 1)


app = Celery("themis")
app.set_default()  # current_app is a thread's own, and threads that did not import this module get the default
app.conf.update(
    broker_url=broker_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")),
    broker_transport_options={**SOCKET, **HINT, "visibility_timeout": 3600},
    broker_connection_retry_on_startup=True,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    # Acknowledged before the work: a hint that came again after a crash would be a second redelivery beside
    # the sweeper's, which goes by the job's lease.
    task_acks_late=False,
    task_publish_retry=False,
    task_default_queue="default",
    # A worker that took hints in advance would let them wait behind a long job while another worker is idle.
    worker_prefetch_multiplier=1,
    worker_pool_start_method="spawn",  # DuckDB and Arrow do not survive a fork
    worker_proc_alive_timeout=180,  # a spawned process imports everything anew, and was killed after 4 s while doing so
    worker_hijack_root_logger=False,
    # A job belongs to who has its lease in the database; that the broker went away is no reason to stop it.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    timezone="UTC",
)
app.autodiscover_tasks(
    [
        "themis_admin.jobs",
        "themis_admin.datasets",
        "themis_admin.snapshots",
        "indexing",
        "exports",
    ]
)


@worker_process_init.connect
def _prepare_pool_process(**_: Any) -> None:
    """A spawned process knows no tasks yet."""
    app.loader.import_default_modules()
