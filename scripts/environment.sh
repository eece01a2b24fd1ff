# Make .venv (for client: .venv-client) what requirements/$1.lock says; does nothing where it is that already.
#
# usage: sh scripts/environment.sh run|dev|client
set -eu
cd "$(dirname "$0")/.."
lock=$1
venv=.venv
wanted="requirements/$lock.lock"
if [ "$lock" = client ]; then
    venv=.venv-client
    wanted="requirements/torch.txt $wanted"
fi

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

# What pip shall install for the venv with: its own pip, else that of the Python it was made from (pip >= 22.3).
pip() {
    if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        "$venv/bin/python" -m pip "$@"
    else
        "$(find_python)" -m pip --python "$venv/bin/python" "$@"
    fi
}

make_venv() {
    python=$(find_python)
    echo "Making $venv with $python"
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
    # shellcheck disable=SC2086 # they are several files
    cat $wanted | cmp -s - "$venv/installed-$lock.lock"
}

right_version "$venv/bin/python" || make_venv
if installed; then
    exit 0
fi
rm -f "$venv"/installed-*.lock
echo "Installing requirements/$lock.lock"
export PIP_DISABLE_PIP_VERSION_CHECK=1
compile=""
if [ "$lock" = client ]; then
    # Which build of torch a machine takes (for its CPU, for a CUDA) is for pip's configuration to say, so torch has no
    # hash. Nothing is compiled ahead: of torch and transformers the tests import a small part.
    compile=--no-compile
    pip install --quiet $compile --requirement requirements/torch.txt
fi
pip install --quiet $compile --require-hashes --requirement "requirements/$lock.lock"
if [ "$lock" = dev ]; then # it holds all that run.lock does, in the same versions
    cp requirements/run.lock "$venv/installed-run.lock"
fi
# shellcheck disable=SC2086
cat $wanted >"$venv/installed-$lock.lock"
