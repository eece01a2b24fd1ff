"""Whether this process lives, and whether it can serve."""

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Database and Redis answer, and the storage is there; 503 with what does not."""
    checks = {"database": _database(), "redis": _redis(), "storage": _storage()}
    well = all(state == "ok" for state in checks.values())
    return JsonResponse({"status": "ok" if well else "error", **checks}, status=200 if well else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "does not answer"
    return "ok"


def _redis() -> str:
    try:
        with redis.Redis.from_url(
            settings.THEMIS.redis_url, socket_timeout=2, socket_connect_timeout=1
        ) as client:
            client.ping()
    except redis.RedisError:
        return "does not answer"
    return "ok"


def _storage() -> str:
    storage = settings.THEMIS.storage
    # One that is not there yet is made with the first shard.
    return "ok" if storage.is_dir() or not storage.exists() else "is no folder"
