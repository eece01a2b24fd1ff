# Test engine and client with the lowest, then with the highest releases of what themisdb_datasets/pyproject.toml allows.
#
# usage: sh scripts/ranges.sh FOLDER SERVER [ARGS]
#
# FOLDER is an environment of client.lock and dev.lock, whose packages are exchanged; torch stays as the platform has it.
# SERVER is the Python of the server that datasets are streamed from; ARGS are for pytest.
set -eu
cd "$(dirname "$0")/.."
venv=$1
server=$2
shift 2

uv() {
    "$venv/bin/python" scripts/uv.py "$@"
}

rm -f "$venv"/installed-*.lock # it is no longer what a lock says
for resolution in lowest-direct highest; do
    uv pip compile --quiet --resolution "$resolution" --extra engine --extra feedback --extra hf \
        themisdb_datasets/pyproject.toml --output-file "$venv/$resolution.txt"
    uv pip install --no-deps --requirement "$venv/$resolution.txt"
    echo "Testing engine and client with the releases of $venv/$resolution.txt"
    "$venv/bin/python" -m pytest -n 3 --dist loadscope --no-loadscope-reorder tests/themisdb_datasets "$@"
    THEMIS_SERVER_PYTHON="$server" PYTHONPATH="$PWD" "$venv/bin/python" -m pytest -c tests_client/pytest.ini \
        tests_client/huggingface tests_client/test_samples.py
done
