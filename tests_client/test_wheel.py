"""The package as it is installed: a wheel among nothing but what it says it needs runs the command and streams."""

import os
import re
import shutil
import subprocess
import sys
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests_client.conftest import ROOT, Live

LIGHT = {
    "anyio",
    "certifi",
    "click",
    "h11",
    "httpcore",
    "httpx",
    "idna",
    "msgspec",
    "numpy",
    "typing-extensions",
}
NAME = re.compile(r"[A-Za-z0-9._-]+")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "themisdb_datasets"
    unwanted = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    shutil.copytree(ROOT / "themisdb_datasets", source, ignore=unwanted)
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(folder)], cwd=source, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    with ZipFile(made) as archive:
        (about,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        assert "# themisdb-datasets" in archive.read(about).decode(), "a registry shows what it is"
    return made


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel, what the wheel names without any extra, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    with ZipFile(wheel) as archive:
        archive.extractall(site)
    (metadata,) = site.glob("themisdb_datasets-*.dist-info")
    needed = closure(Distribution.at(metadata))
    assert set(needed) <= LIGHT, "the light installation has become heavier"
    for each in needed.values():
        for part in {
            file.parts[0] for file in each.files or () if file.parts[0] not in ("..", "__pycache__")
        }:
            (site / part).symlink_to(Path(str(each.locate_file(part))))
    return folder / "bin" / "python"


def closure(root: Distribution) -> dict[str, Distribution]:
    """What it needs, and what that needs, without extras and other platforms."""
    found: dict[str, Distribution] = {}
    left = [root]
    while left:
        for line in left.pop().requires or ():
            match = NAME.match(line)
            assert match is not None
            name = match[0].lower().replace("_", "-")
            if (
                "extra ==" not in line
                and name not in found
                and ("; " not in line or name == "typing-extensions")
            ):
                found[name] = distribution(name)
                left.append(found[name])
    return found


def run(*command: str | Path, live: Live, folder: Path) -> str:
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "THEMIS_URL": live.url,
        "THEMIS_TOKEN": live.token,
    }
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_is_there(bare: Path, live: Live, tmp_path: Path) -> None:
    script = "from importlib.metadata import entry_points; entry_points(name='themis')['themis'].load()()"

    def themis(*arguments: str) -> str:
        return run(bare, "-c", script, *arguments, live=live, folder=tmp_path)

    assert themis("--version") == "0.1.0\n"
    assert "Large" in themis("ls")
    assert themis("stream", live.themes[0], "--limit", "3").count("\n") == 3


def test_both_clients_stream_and_types_are_announced(bare: Path, live: Live, tmp_path: Path) -> None:
    program = f"""
import asyncio
from pathlib import Path
import themisdb_datasets
from themisdb_datasets import AsyncClient, Client
assert (Path(themisdb_datasets.__file__).parent / "py.typed").exists()
query = {{"theme": {live.themes[0]!r}, "limit": 20}}
lines = b"".join(block.data for block in Client().stream(query))
async def main():
    async with AsyncClient() as client:
        return b"".join([block.data async for block in client.stream(query)])
assert asyncio.run(main()) == lines
print(lines.count(b"\\n"))
"""
    assert run(bare, "-c", program, live=live, folder=tmp_path) == "20\n"
