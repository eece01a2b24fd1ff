"""Bringing a database up to this release, or refusing it."""

from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections
from django.db.migrations.loader import MigrationLoader

FIRST = "0001_initial"


def prepare() -> None:
    """Migrate the database and make the cache's table; CommandError where a later release has changed it."""
    try:
        loader = MigrationLoader(connection)
    except OperationalError as error:
        raise CommandError(f"The database does not answer: {str(error).strip()}") from None
    # Before the first release the tables were others, and only their names have survived: `artifacts` became an app
    # with that release, so a database that has datasets without it is older.
    if ("datasets", FIRST) in loader.applied_migrations and (
        "artifacts",
        FIRST,
    ) not in loader.applied_migrations:
        raise CommandError(
            f"The database {connection.settings_dict['NAME']} was made before the first release of Themis and cannot be"
            " brought up to this one. Choose an empty data folder or database and put the files in anew; those of old are"
            " in the storage folder, each shard as its samples.jsonl."
        )
    # Migrations that were applied and that this release does not have are a later release's. To go on would
    # mean to write rows of old into tables of new. Apps that are not here any more are left alone.
    ours = {name for name, _ in loader.disk_migrations}
    unknown = sorted(
        f"{app}.{name}"
        for app, name in loader.applied_migrations
        if app in ours and (app, name) not in loader.disk_migrations
    )
    if unknown:
        raise CommandError(
            f"The database {connection.settings_dict['NAME']} belongs to a later release of Themis: it has"
            f" {', '.join(unknown)}. Start that release, or choose another data folder or database."
        )
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    connections[DEFAULT_DB_ALIAS].close()
