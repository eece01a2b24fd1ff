"""`manage.py up`: the whole of Themis on one machine, supervised."""

import fcntl
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections

from themis_admin import environment
from themis_admin.console import database, reloading, valkey
from themis_admin.console.demo import demo
from themis_admin.console.supervisor import POLL_SECONDS, Child, Supervisor
from themis_admin.jobs import runner
from themis_admin.processes import die_with_parent

START_SECONDS = 180.0
SHORT_FOLDER = Path("/tmp")  # noqa: S108 - mkdtemp makes a folder there that is nobody else's
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - recognised, not chosen


class Command(BaseCommand):
    help = "Start everything: broker, worker, sweeper and web, with demo data where the data folder is new."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=environment.text("THEMIS_HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=environment.integer("PORT", 8000))
        parser.add_argument(
            "--no-demo", action="store_true", help="make no demo dataset in a new data folder"
        )
        parser.add_argument(
            "--reload",
            action="store_true",
            help="start web, worker and sweeper anew when their sources change",
        )

    def handle(self, *args: Any, host: str, port: int, no_demo: bool, reload: bool, **options: Any) -> None:
        data = settings.THEMIS.data_dir
        for folder in (data / "logs", data / "tmp", settings.THEMIS.work_dir, settings.THEMIS.storage):
            folder.mkdir(parents=True, exist_ok=True)
        # The lock before all else, so that a second start on this folder changes nothing; the port before the
        # database, so that one which cannot serve migrates nothing.
        lock = _lock(data)
        _check_port(host, port)
        database.prepare()
        _clear(data / "tmp")
        # With a broker or a database from elsewhere there may be workers elsewhere.
        alone = "REDIS_URL" not in os.environ and connection.vendor == "sqlite"
        run = _run_folder(data)
        supervisor = Supervisor(say=self._say)
        ends = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            ends.remove(
                signal.SIGHUP
            )  # nohup; SIGINT counts also where a script's shell had it ignored by `&`
        for number in ends:
            signal.signal(number, lambda *_: supervisor.stopping.set())
        try:
            self._start(supervisor, run, host, port)
            address = f"http://{'127.0.0.1' if host in EVERYWHERE else host}:{port}"
            self._greet(supervisor, address, demo_data=not no_demo)
            if reload:
                _watch_sources(supervisor)
            else:
                supervisor.watch()
            self._say("stopping")
        finally:
            supervisor.stop()
            # Only where there can be no other worker: queueing a job again that somebody else is at would
            # only cost that one its claim.
            if alone:
                _release_jobs()
            shutil.rmtree(run, ignore_errors=True)
            lock.close()

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _start(self, supervisor: Supervisor, run: Path, host: str, port: int) -> None:
        data = settings.THEMIS.data_dir
        environment = {
            **os.environ,
            "THEMIS_DATA": str(data),
            "PYTHONUNBUFFERED": "1",
            # The web server keeps the bodies it receives here until a view takes them, so they need the data's disk.
            "TMPDIR": str(data / "tmp"),
        }
        if "REDIS_URL" not in os.environ:
            environment["REDIS_URL"] = valkey.url(run)
            supervisor.add(Child("valkey", valkey.command(run), environment, data / "logs" / "valkey.log"))
            _wait(supervisor, lambda: valkey.answers(run), "valkey")
        os.environ.update(environment)

        def manage(name: str, *arguments: str) -> None:
            command = [sys.executable, str(settings.BASE_DIR / "manage.py"), name, *arguments]
            supervisor.add(Child(name, command, environment, data / "logs" / f"{name}.log"))

        # Each waits for what it needs: the broker answers before a
        # worker starts, and the address is told when it answers.
        manage("worker")
        manage("sweeper")
        manage("web", "--host", host, "--port", str(port))
        _wait(supervisor, lambda: _answers(host, port), "web")

    def _greet(self, supervisor: Supervisor, address: str, *, demo_data: bool) -> None:
        """Print where everything is; the first time, after making the administrator, a token and the demo data.

        That is done in a process of its own, which knows the broker, while the others are looked after.
        """
        data = settings.THEMIS.data_dir
        if not demo_data or (data / demo.FILE).exists():
            demo.renew_address(data, url=address)
            self._say(f"Themis is at {address}")
            return
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "first_run", "--url", address]
        parent = os.getpid()
        # It asks the web process and waits for jobs, so the supervisor has to go on tending: a worker that
        # dies now would otherwise not be started again, and this would wait for ever.
        with subprocess.Popen(
            command, start_new_session=True, preexec_fn=lambda: die_with_parent(parent)
        ) as first_run:
            while first_run.poll() is None:
                if supervisor.stopping.wait(POLL_SECONDS):
                    first_run.terminate()
                    return
                supervisor.tend()
        if first_run.returncode:
            self._say(
                f"Themis is at {address}, but its demo data is not complete; the next start goes on with it."
            )


def _watch_sources(supervisor: Supervisor) -> None:
    """Look after the children as `Supervisor.watch` does, and start those anew whose sources change."""
    for names in reloading.changes(settings.BASE_DIR, seconds=POLL_SECONDS, stopping=supervisor.stopping):
        supervisor.restart(names)
        supervisor.tend()


def _run_folder(data: Path) -> Path:
    """A folder for the broker's socket, in place of the one that a run which was killed has left.

    It is short, for the path of a socket may have 107 bytes; the data folder's may be longer.
    """
    note = data / "run-folder"
    if note.exists() and (left := Path(note.read_text())).name.startswith("themis-"):
        shutil.rmtree(left, ignore_errors=True)
    run = Path(tempfile.mkdtemp(prefix="themis-", dir=SHORT_FOLDER if SHORT_FOLDER.is_dir() else None))
    note.write_text(str(run))
    return run


def _lock(data: Path) -> IO[str]:
    """Hold the data folder; the lock goes with the process, however it ends."""
    # "a+" and not "w": the file is emptied only when the lock is
    # held, for until then it has the holder's number to be told.
    lock = (data / "up.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        raise CommandError(
            f"Themis is running on {data} already (process {holder}). Stop that one, or choose another folder with DATA=."
        ) from None
    # flock belongs to the open file, of which a child would have a
    # share: the folder would stay locked while any of them lived.
    os.set_inheritable(lock.fileno(), False)
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As the server sets it; without it, connections of the run
        # before that wait for their end would count as taking the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} on {host} cannot be used ({error.strerror}). Stop what uses it, or choose another:"
                f" make run PORT={port + 1 if port < 65535 else 8000}"
            ) from None


def _clear(folder: Path) -> None:
    """Remove the bodies that a web process was receiving when it was killed."""
    for left in folder.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _release_jobs() -> None:
    """Queue what the worker had to leave off, for the next start."""
    logging.disable(logging.WARNING)  # nobody is left to hear of it over Redis
    with suppress(DatabaseError):  # then they go on once their leases have run out
        runner.release_stopped()
    connections[DEFAULT_DB_ALIAS].close()


def _answers(host: str, port: int) -> bool:
    # Only asked whether it lives, not whether it is ready: without a broker it serves too.
    reached = "127.0.0.1" if host in EVERYWHERE else host
    address = f"[{reached}]" if ":" in reached else reached
    with (
        suppress(URLError, OSError),
        urllib.request.urlopen(f"http://{address}:{port}/health/live", timeout=2),
    ):
        return True
    return False


def _wait(supervisor: Supervisor, ready: Callable[[], bool], name: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not supervisor.stopping.is_set():
        if ready():
            return
        child = next(child for child in supervisor.children if child.name == name)
        if not child.alive:
            raise CommandError(f"{name} ended at once; {child.log} says why.")
        if time.monotonic() > deadline:
            raise CommandError(f"{name} does not answer after {START_SECONDS:.0f} s; {child.log} says why.")
        time.sleep(0.1)
