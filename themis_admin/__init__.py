"""The Django project of Themis."""

from themis_admin.celery import app as celery_app

__all__ = ["celery_app"]
