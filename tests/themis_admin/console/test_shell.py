"""What stands around every page."""

import re
from pathlib import Path

from django.contrib.staticfiles import finders
from django.urls import reverse

from themis_admin.console.pages import PLACES


def test_the_keys_that_the_palette_names_lead_there() -> None:
    script = Path(str(finders.find("js/palette.js"))).read_text()
    places = dict(re.findall(r'(\w): "(/[^"]*)"', script.partition("};")[0]))
    told = {keys.removeprefix("g "): reverse(name) for _, name, _, keys in PLACES if keys}
    assert places == told
