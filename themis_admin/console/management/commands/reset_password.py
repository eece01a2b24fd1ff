"""`manage.py reset_password NAME`: a link on which a new password can be set once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from themis_admin import environment
from themis_admin.accounts import audit, services
from themis_admin.accounts.models import User


class Command(BaseCommand):
    help = "Print a link on which a user sets a new password; it works once and for a day."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        default = f"http://127.0.0.1:{environment.integer('PORT', 8000)}"
        parser.add_argument("--url", default=default, help="the console's address (default: %(default)s)")

    def handle(self, *args: Any, username: str, url: str, **options: Any) -> None:
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            names = ", ".join(User.objects.filter(is_active=True).values_list("username", flat=True)[:20])
            raise CommandError(f"There is no active user {username!r}; there are {names or 'none'}.")
        audit.record(user=None, action="password.reset_link", object=user.username)
        self.stdout.write(url.rstrip("/") + services.reset_path(user))
