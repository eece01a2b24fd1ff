"""The engine stands by itself: its wheel is built, and imported where there is no Django and no project."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.processes import ROOT

ENGINE = ROOT / "themisdb_datasets"

IMPORT_ALL = """
import pkgutil, sys
sys.path.insert(0, sys.argv[1])
import themisdb_datasets
assert themisdb_datasets.__file__.startswith(sys.argv[1]), themisdb_datasets.__file__
for module in pkgutil.iter_modules(themisdb_datasets.__path__):
    if module.name == "__main__":  # a program
        continue
    try:
        __import__(f"themisdb_datasets.{module.name}")
    except ModuleNotFoundError as error:
        assert error.name in ("torch", "torchdata", "datasets", "transformers"), error  # extras, which are not installed
print(sorted({name.partition(".")[0] for name in sys.modules} & {"django", "celery", "channels", "themis_admin"}))
"""

LIGHT = """
import sys
sys.path.insert(0, sys.argv[1])
from themisdb_datasets.offsets import OffsetIndex
print(sorted({name.partition(".")[0] for name in sys.modules} & {"pyarrow", "duckdb", "torch"}))
"""


def test_the_wheel_holds_an_importable_typed_package_without_django(tmp_path: Path) -> None:
    shutil.copytree(
        ENGINE, tmp_path / "engine", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    )
    subprocess.run(
        [sys.executable, "-m", "uv", "build", "-q", "--wheel", "--out-dir", tmp_path, tmp_path / "engine"],
        check=True,
    )
    (wheel,) = tmp_path.glob("themisdb_datasets-*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    assert (installed / "themisdb_datasets" / "py.typed").exists()
    for program in (IMPORT_ALL, LIGHT):
        done = subprocess.run(
            [sys.executable, "-c", program, str(installed)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
