# See to the programs that only the tests need: a browser, PostgreSQL's, and shells.
#
# As root on Debian they are installed; elsewhere what is missing is told, and its tests are skipped. Where CI=true
# nothing may be skipped, so there a missing program ends the run.
set -eu
missing=""

has_browser() {
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null
}

has_postgresql() {
    command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1
}

has_zsh() {
    command -v zsh >/dev/null
}

has_fish() {
    command -v fish >/dev/null
}

can_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

# The first time lists of packages may be missing, so they are fetched once a run.
install() {
    if [ -z "${updated:-}" ]; then
        apt-get update -qq && updated=yes
    fi
    echo "Installing $1 for the tests"
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$1" >/dev/null
}

see_to() { # the check, the package, what is skipped without it
    if "$1"; then
        return
    fi
    if can_install && install "$2" && "$1"; then
        return
    fi
    missing="$missing
  * $2 is not installed: $3 are SKIPPED"
}

see_to has_browser chromium "the tests that drive a browser"
see_to has_postgresql postgresql "the tests on PostgreSQL"
see_to has_zsh zsh "the tests of completions in zsh"
see_to has_fish fish "the tests of completions in fish"

if [ -n "$missing" ]; then
    echo "=============================================================================="
    echo "NOT EVERYTHING IS TESTED:$missing"
    echo "=============================================================================="
    if [ "${CI:-}" = true ]; then
        exit 1
    fi
fi
