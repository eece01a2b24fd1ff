"""Settings, all from environment variables; without any, everything lives in the folder `data`."""

import os
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import django_stubs_ext

from themis_admin import environment

django_stubs_ext.monkeypatch()  # generic forms and views can be subscripted at run time too
BASE_DIR = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Themis:
    """Where Themis keeps its files and how much it may use."""

    data_dir: Path
    storage: Path
    work_dir: Path
    uploads_dir: Path
    selections_dir: Path
    ingest_roots: tuple[Path, ...]
    shard_bytes: int
    max_line_bytes: int
    max_body_bytes: int
    max_unpacked_bytes: int  # 0: no limit
    max_unpacked_ratio: int  # 0: no limit
    min_free_bytes: int
    selections_max_bytes: int
    duck_memory: str
    duck_threads: int
    lease_seconds: int
    redis_url: str
    export_days: int  # 0: exports do not expire
    export_warning_days: int
    keep_plans_days: int
    max_plans_an_hour: int
    max_streams: int
    stall_seconds: int
    keep_alive_seconds: int
    snapshot_grace_seconds: int


DATA_DIR = environment.folder("THEMIS_DATA", environment.folder("DATA", BASE_DIR / "data"))
THEMIS = Themis(
    data_dir=DATA_DIR,
    storage=environment.folder("THEMIS_STORAGE", DATA_DIR / "storage"),
    work_dir=DATA_DIR / "work",
    uploads_dir=DATA_DIR / "uploads",
    selections_dir=DATA_DIR / "selections",
    ingest_roots=tuple(Path(root) for root in environment.words("THEMIS_INGEST_ROOTS")),
    shard_bytes=environment.size("THEMIS_SHARD_BYTES", 256 << 20),
    max_line_bytes=environment.size("THEMIS_MAX_LINE_BYTES", 16 << 20),
    max_body_bytes=environment.size("THEMIS_MAX_BODY_BYTES", 2 << 30),
    max_unpacked_bytes=environment.size("THEMIS_MAX_UNPACKED_BYTES", 256 << 30),
    max_unpacked_ratio=environment.integer("THEMIS_MAX_UNPACKED_RATIO", 250),
    min_free_bytes=environment.size("THEMIS_MIN_FREE_BYTES", 1 << 30),
    selections_max_bytes=environment.size("THEMIS_SELECTIONS_MAX_BYTES", 4 << 30),
    duck_memory=environment.text("THEMIS_DUCK_MEMORY", "1GB"),
    duck_threads=environment.integer("THEMIS_DUCK_THREADS", min(os.cpu_count() or 1, 4)),
    lease_seconds=environment.integer("THEMIS_LEASE_SECONDS", 15, least=1),
    redis_url=environment.text("REDIS_URL", "redis://127.0.0.1:6379/0"),
    export_days=environment.integer("THEMIS_EXPORT_DAYS", 30),
    export_warning_days=environment.integer("THEMIS_EXPORT_WARNING_DAYS", 3),
    keep_plans_days=environment.integer("THEMIS_KEEP_PLANS_DAYS", 30),
    max_plans_an_hour=environment.integer("THEMIS_MAX_PLANS_AN_HOUR", 100, least=1),
    max_streams=environment.integer("THEMIS_MAX_STREAMS", 64, least=1),
    stall_seconds=environment.integer("THEMIS_STALL_SECONDS", 300, least=1),
    keep_alive_seconds=environment.integer("THEMIS_KEEP_ALIVE_SECONDS", 15, least=1),
    snapshot_grace_seconds=environment.integer("THEMIS_SNAPSHOT_GRACE_SECONDS", 3_600, least=1),
)


# Several processes may start at once on a new folder, and all have to end up with the same key: sessions and
# links that one has signed are read by the others.
def _secret_key() -> str:
    """The key from the environment, or one of this data folder's own, made at the first start."""
    if key := os.environ.get("THEMIS_SECRET_KEY"):
        return key
    path = DATA_DIR / "secret-key"
    if not path.exists():
        DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=DATA_DIR, prefix=".secret-key-")  # mode 0600
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(64))
        with suppress(FileExistsError):
            os.link(draft, path)  # whole or not at all, and the first one stays
        Path(draft).unlink()
    return path.read_text()


SECRET_KEY = _secret_key()
DEBUG = environment.boolean("THEMIS_DEBUG", False)
# This machine's own names always work, for health checks ask by them.
ALLOWED_HOSTS = [*environment.words("THEMIS_ALLOWED_HOSTS"), "localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = environment.words("THEMIS_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "themis_admin",
    "themis_admin.accounts",
    "themis_admin.jobs",
    "themis_admin.artifacts",
    "themis_admin.datasets",
    "themis_admin.snapshots",
    "indexing",
    "exports",
    "themis_admin.console",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # Before the static files, which answer by themselves, so that these have the policy too.
    "themis_admin.web.security.content_security_policy",
    "themis_admin.web.static_files.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "themis_admin.accounts.audit.OriginMiddleware",
    "themis_admin.console.shell.LivePlace",
    "themis_admin.console.errors.ConsoleErrors",
]
ROOT_URLCONF = "themis_admin.urls"
ASGI_APPLICATION = "themis_admin.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "themis_admin.console.shell.shell",
            ],
        },
    }
]

SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": DATA_DIR / "themis.sqlite3",
    "OPTIONS": {
        "timeout": 20,
        # A transaction takes the write lock with its first word, and waits for it up to the timeout. A
        # deferred one that has read and then wants to write is refused at once when another has written
        # meanwhile, however long the timeout is (sqlite.org/rescode.html#busy_snapshot). Select for update,
        # which SQLite does not have, is not missed for the same reason.
        "transaction_mode": "IMMEDIATE",
        # WAL lets readers read while one writes. NORMAL syncs at checkpoints only: a power cut may cost the
        # last transactions but never the database (sqlite.org/pragma.html#pragma_synchronous).
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    },
}
DATABASES = {"default": environment.database("DATABASE_URL", SQLITE)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# In the database, so that what is counted there (failed logins) holds for all processes.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "themis_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},  # with the usual 300, whoever tries many names would empty it
    }
}

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
CSRF_FAILURE_VIEW = "themis_admin.console.errors.csrf_failure"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"
PASSWORD_RESET_TIMEOUT = 24 * 3600

HTTPS = environment.boolean("THEMIS_HTTPS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
# Only behind a proxy that sets it: otherwise anybody could
# send the header and pass for one who came by https.
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if environment.boolean("THEMIS_BEHIND_PROXY", False) else None
)
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 << 20  # JSON bodies and parts of resumable uploads; files are not counted
FILE_UPLOAD_MAX_MEMORY_SIZE = 1 << 20
DATA_UPLOAD_MAX_NUMBER_FILES = 1_000  # as many as one ingest takes

EMAIL_HOST = environment.text("THEMIS_EMAIL_HOST", "")
EMAIL_PORT = environment.integer("THEMIS_EMAIL_PORT", 587)
EMAIL_HOST_USER = environment.text("THEMIS_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = environment.text("THEMIS_EMAIL_PASSWORD", "")
EMAIL_USE_TLS = environment.boolean("THEMIS_EMAIL_TLS", True)
DEFAULT_FROM_EMAIL = environment.text("THEMIS_EMAIL_FROM", "themis@localhost")

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_AUTOREFRESH = DEBUG

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "themis_admin.accounts.auth.BearerAuthentication",
        "themis_admin.accounts.auth.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "themis_admin.web.api.handle_error",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Themis",
    "DESCRIPTION": "The data that language models are trained on: datasets, versions, themes, streams.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
}
