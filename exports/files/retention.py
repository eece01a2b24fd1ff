"""Exports do not stay for ever: their owner is warned, and when the time has come they are removed."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from exports.files.services import links_broken_by, remove_export
from exports.models import FileExport
from themis_admin.artifacts.services import free_unkept
from themis_admin.jobs import events
from themis_admin.web.times import iso
from themisdb_datasets.errors import ConflictError, NotFoundError

# Who was warned late, because nothing ran for a while, still has so long.
NOTICE = timedelta(days=1)
log = logging.getLogger(__name__)


def tidy() -> None:
    """Warn, remove what has expired, and free the files that nobody keeps."""
    warn()
    expire()
    free_unkept()


def warn() -> None:
    """Tell of each export that expires soon, once, and how many links will break with it."""
    soon = timezone.now() + timedelta(days=settings.THEMIS.export_warning_days)
    for row in FileExport.objects.filter(warned_at=None, expires_at__lt=soon).select_related("owner"):
        with transaction.atomic():
            if FileExport.objects.filter(pk=row.pk, warned_at=None).update(warned_at=timezone.now()):
                data = {
                    "export": row.pk,
                    "title": row.title,
                    "expires_at": iso(row.expires_at),
                    "num_links": len(links_broken_by(row)),
                }
                events.record("export.expiring", owner=row.owner, data=data)


def expire() -> None:
    """Remove the exports whose time has come, with the links to them; never without a warning some time before."""
    now = timezone.now()
    notice = min(NOTICE, timedelta(days=settings.THEMIS.export_warning_days))
    for row in FileExport.objects.filter(expires_at__lt=now, warned_at__lt=now - notice):
        try:
            remove_export(row, user=None, break_links=True, reason="expired")
        except (ConflictError, NotFoundError) as error:
            log.warning("export %s stays for now: %s", row.pk, error)
