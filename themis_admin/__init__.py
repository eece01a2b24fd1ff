"""The Django project of Themis."""

from themis_admin.celery import app as celery_app
from themis_admin.processes import allow_many_files

__all__ = ["celery_app"]

allow_many_files()
