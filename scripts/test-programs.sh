#!/bin/sh
# What the tests need beside Python: a Chromium and PostgreSQL's programs. Debian's are installed where this may be done;
# elsewhere the tests that need them are skipped, and this says so before and pytest after.
set -u

have_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null 2>&1
have_postgres() { command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1

wanted=""
have_browser || wanted="$wanted chromium"
have_postgres || wanted="$wanted postgresql"
if [ -n "$wanted" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing for the tests:$wanted"
    # The packages' own start of a database server is not wanted: the tests start theirs.
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $wanted; } \
        >/dev/null 2>&1 || echo "apt-get could not install:$wanted"
fi
missing=""
have_browser || missing="$missing Chromium (browser journey)"
have_postgres || missing="$missing PostgreSQL (jobs on PostgreSQL)"
if [ -n "$missing" ]; then
    echo "******************************************************************************"
    echo "* NOT TESTED HERE, for want of:$missing"
    echo "* Install them and run again."
    echo "******************************************************************************"
    [ "${CI:-}" = true ] && exit 1
fi
exit 0
