#!/usr/bin/env python
"""Themis' command line: `python manage.py up` runs everything, `python manage.py help` lists the rest."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "themis_admin.settings")
    execute_from_command_line(sys.argv)
