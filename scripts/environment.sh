# Make .venv what requirements/$1.lock says; does nothing where it is that already.
#
# usage: sh scripts/environment.sh run|dev
set -eu
cd "$(dirname "$0")/.."
lock=$1
venv=.venv

right_version() {
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in "${THEMIS_PYTHON:-}" python3.11 python3 python; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null && right_version "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    echo "Themis needs Python 3.11: install it, or name it with THEMIS_PYTHON=/path/to/python3.11." >&2
    exit 1
}

# What pip shall install for .venv with: its own pip, else that of the Python it was made from (pip >= 22.3).
pip() {
    if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        "$venv/bin/python" -m pip "$@"
    else
        "$(find_python)" -m pip --python "$venv/bin/python" "$@"
    fi
}

make_venv() {
    python=$(find_python)
    echo "Making .venv with $python"
    rm -rf "$venv"
    # Debian's Python comes without ensurepip unless python3-venv is installed.
    if "$python" -c 'import ensurepip' 2>/dev/null && "$python" -m venv "$venv"; then
        return
    fi
    rm -rf "$venv"
    if "$python" -m pip --version >/dev/null 2>&1 && "$python" -m venv --without-pip "$venv"; then
        return
    fi
    rm -rf "$venv"
    if "$python" -m virtualenv --version >/dev/null 2>&1 && "$python" -m virtualenv "$venv"; then
        return
    fi
    if command -v virtualenv >/dev/null && virtualenv --python "$python" "$venv"; then
        return
    fi
    rm -rf "$venv"
    echo "No virtual environment could be made: install pip for $python (on Debian: apt install python3-pip)." >&2
    exit 1
}

# What is installed is noted beside it: the lock files that were gone through.
installed() {
    cmp -s "requirements/$1.lock" "$venv/installed-$1.lock"
}

right_version "$venv/bin/python" || make_venv
if installed "$lock"; then
    exit 0
fi
rm -f "$venv"/installed-*.lock
echo "Installing requirements/$lock.lock"
PIP_DISABLE_PIP_VERSION_CHECK=1 pip install --quiet --require-hashes --requirement "requirements/$lock.lock"
if [ "$lock" = dev ]; then # it holds all that run.lock does, in the same versions
    cp requirements/run.lock "$venv/installed-run.lock"
fi
cp "requirements/$lock.lock" "$venv/installed-$lock.lock"
