"""Run the uv of this environment, for it and with the package index that pip is set up for.

pip keeps this in files of its own and in PIP_ variables, neither of which uv reads.

usage: .venv/bin/python scripts/uv.py pip install ...
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

# pip's option, uv's variable, and what that has between several values (https://docs.astral.sh/uv/reference/environment/).
VARIABLES = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "no-index": ("UV_NO_INDEX", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "proxy": ("ALL_PROXY", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", " "),
}
SECTIONS = ("global", "install", ":env:")  # the later goes before the earlier, as in pip


def uv_settings(config: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """uv's variables, without those that the environment has already; `config` has lines like `global.cert='/a'`."""
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in config:
        name, equals, value = line.strip().partition("=")
        section, _, option = name.rpartition(".")
        if equals and section in found and option in VARIABLES:
            variable, separator = VARIABLES[option]
            found[section][variable] = separator.join(str(ast.literal_eval(value)).split())
    settings = {variable: value for section in SECTIONS for variable, value in found[section].items()}
    if "UV_INDEX" in settings:
        # pip takes the best of all indexes, uv that of the first that has any; the lock's hashes say which file is right.
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    # pip trusts what the system trusts.
    settings["UV_SYSTEM_CERTS"] = "true"
    return {variable: value for variable, value in settings.items() if variable not in environment}


def pip_config() -> list[str]:
    """What `pip config list` prints; an environment without pip has that of the Python it was made with."""
    for python in (sys.executable, getattr(sys, "_base_executable", sys.executable)):
        ran = subprocess.run(
            [python, "-m", "pip", "config", "list"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if ran.returncode == 0:
            return ran.stdout.splitlines()
    return []


if __name__ == "__main__":
    uv = Path(sys.executable).with_name("uv")
    settings = uv_settings(pip_config(), os.environ)
    environment = {**os.environ, **settings, "VIRTUAL_ENV": sys.prefix}
    sys.exit(subprocess.run([uv, *sys.argv[1:]], env=environment).returncode)
