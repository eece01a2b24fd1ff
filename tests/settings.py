"""The settings of the tests: Themis' own, with a data folder that goes afterwards, short leases and toy jobs.

Processes that a test starts inherit the environment, and with it the folder and the database. Where tests run in more
than one process, each of these has a folder of its own within the one that goes.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

if "THEMIS_TEST_FOLDER" not in os.environ:
    # Short, for it holds Valkey's socket.
    folder = tempfile.mkdtemp(prefix="themis-test-", dir="/tmp" if Path("/tmp").is_dir() else None)
    os.environ["THEMIS_TEST_FOLDER"] = folder
    os.environ["THEMIS_TEST_FOLDER_OWNER"] = str(os.getpid())
    for name in ("THEMIS_STORAGE", "THEMIS_INGEST_ROOTS", "THEMIS_SECRET_KEY", "PORT", "DATA"):
        os.environ.pop(name, None)
FOLDER = Path(os.environ["THEMIS_TEST_FOLDER"], os.environ.get("PYTEST_XDIST_WORKER", ""))
FOLDER.mkdir(exist_ok=True)
os.environ["THEMIS_DATA"] = str(FOLDER / "data")
os.environ["REDIS_URL"] = f"unix://{FOLDER}/valkey.sock"
os.environ["THEMIS_LEASE_SECONDS"] = "3"
os.environ["THEMIS_MIN_FREE_BYTES"] = "0"


@atexit.register
def _remove() -> None:
    if os.environ["THEMIS_TEST_FOLDER_OWNER"] == str(os.getpid()):
        shutil.rmtree(os.environ["THEMIS_TEST_FOLDER"], ignore_errors=True)


from themis_admin.settings import *  # noqa: E402, F403 - these are Themis' settings, but for what follows
from themis_admin.settings import DATABASES, INSTALLED_APPS  # noqa: E402

INSTALLED_APPS += ["tests.toys"]
# The processes of a test work on the database that pytest has made, so on SQLite it has to be a file.
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": str(FOLDER / "test.sqlite3")}
if "THEMIS_TEST_DATABASE" in os.environ:
    DATABASES["default"]["NAME"] = os.environ["THEMIS_TEST_DATABASE"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one is slow by intent
# Every test has clients of its own, and each would look through all static files before its first request.
WHITENOISE_AUTOREFRESH = True
