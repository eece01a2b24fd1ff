# Make a virtual environment what requirements/$1.lock says; does nothing where it is that already.
#
# usage: sh scripts/environment.sh run|dev|client FOLDER [VERSION]
#
# Its Python is the VERSION asked for, else the one that THEMIS_PYTHON names, else the newest that Themis is tested with (for
# client the oldest).
set -eu
cd "$(dirname "$0")/.."
lock=$1
venv=$2
version=${3:-}
tested="3.13 3.12 3.11"
wanted="requirements/$lock.lock"
if [ "$lock" = client ]; then
    wanted="requirements/torch.txt $wanted"
    tested="3.11 3.12 3.13" # builds of torch come late to a new Python
fi

fail() {
    echo "$1" >&2
    exit 1
}

version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

suffices() { # any from 3.11 on
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# The Python of one version: on the PATH, or one of pyenv's, whose shims may stand for another version.
python_of() {
    for candidate in "python$1" python3 python "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
        if [ "$(version_of "$candidate")" = "$1" ]; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

find_python() {
    if [ -n "$version" ]; then
        python_of "$version" || fail "Python $version was asked for and is not here: install it."
        return
    fi
    if [ -n "${THEMIS_PYTHON:-}" ]; then
        suffices "$THEMIS_PYTHON" || fail "Themis needs Python 3.11 or newer, and THEMIS_PYTHON=$THEMIS_PYTHON is none."
        command -v "$THEMIS_PYTHON"
        return
    fi
    for each in $tested; do
        if python_of "$each"; then
            return
        fi
    done
    for candidate in python3 python; do
        if suffices "$candidate"; then
            echo "Themis is tested with Python $tested; none of them is here, so a newer one is tried." >&2
            command -v "$candidate"
            return
        fi
    done
    fail "Themis needs Python 3.11 or newer: install it, or name it with THEMIS_PYTHON=/path/to/python3."
}

# An environment stays what it is while it is of the Python that was asked for, if any was.
is_right() {
    suffices "$venv/bin/python" || return
    asked=$version
    if [ -z "$asked" ] && [ -n "${THEMIS_PYTHON:-}" ]; then
        asked=$(version_of "$THEMIS_PYTHON") || return
    fi
    [ -z "$asked" ] || [ "$(version_of "$venv/bin/python")" = "$asked" ]
}

# Whether pip of the Python can install for another (from 22.3 on); then the environment needs none of its own.
has_pip() {
    "$1" -m pip --python "$1" --version >/dev/null 2>&1
}

make_venv() {
    python=$(find_python)
    echo "Making $venv with $python (Python $(version_of "$python"))"
    rm -rf "$venv"
    if has_pip "$python" && "$python" -m venv --without-pip "$venv"; then
        return
    fi
    rm -rf "$venv"
    # Debian's Python comes without ensurepip unless python3-venv is installed.
    if "$python" -c 'import ensurepip' 2>/dev/null && "$python" -m venv "$venv"; then
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
    fail "No virtual environment could be made: install pip for $python (on Debian: apt install python3-pip)."
}

# The environment's own pip, else that of the Python it was made from.
pip() {
    if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        "$venv/bin/python" -m pip "$@"
    else
        base=$("$venv/bin/python" -c 'import sys; print("%s/bin/python%d.%d" % (sys.base_prefix, *sys.version_info[:2]))')
        "$base" -m pip --python "$venv/bin/python" "$@"
    fi
}

# uv takes a tenth of the time of pip, and itself comes by pip; what it cannot do, pip does. A lock names everything, so
# nothing is resolved, and each file has to have a hash that the lock gives it.
install() {
    if pip install --no-compile --require-hashes --requirement requirements/uv.lock &&
        "$venv/bin/python" scripts/uv.py pip install $compile --no-deps --require-hashes --requirement "$1"; then
        return
    fi
    echo "uv could not install $1; pip does"
    pip install --no-deps --require-hashes --requirement "$1"
}

# What is installed is noted beside it: the lock files that were gone through.
installed() {
    # shellcheck disable=SC2086 # they are several files
    cat $wanted | cmp -s - "$venv/installed-$lock.lock"
}

is_right || make_venv
if installed; then
    exit 0
fi
rm -f "$venv"/installed-*.lock
# Python keeps what it has compiled at the first import, so nothing waits for that here; except where it may not write
# bytecode, as in many containers: every process would compile everything anew, and the tests start hundreds.
compile=""
if [ -n "${PYTHONDONTWRITEBYTECODE:-}" ] && [ "$lock" != client ]; then
    compile=--compile-bytecode
fi
echo "Installing requirements/$lock.lock"
export PIP_DISABLE_PIP_VERSION_CHECK=1
if [ "$lock" = client ]; then
    # Which build of torch a machine takes (for its CPU, for a CUDA) is for pip's configuration to say, so torch has no
    # hash. It is not compiled ahead: of torch the tests import a small part.
    pip install --no-compile --requirement requirements/torch.txt
fi
install "requirements/$lock.lock"
if [ "$lock" = dev ]; then # it holds all that run.lock does, in the same versions
    cp requirements/run.lock "$venv/installed-run.lock"
fi
# shellcheck disable=SC2086
cat $wanted >"$venv/installed-$lock.lock"
