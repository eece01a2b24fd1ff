"""The house stays as it is laid out: short files, small folders, a test beside every module, comments that say why."""

import io
import subprocess
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT

PACKAGES = ("themisdb_datasets", "themis_admin", "exports", "indexing")
DEMO = Path("themis_admin/console/demo")
MAX_LINES = 400
MAX_COLUMNS = 160  # of templates and scripts
MAX_MODULES, MEAN_MODULES = 20, 9
TESTED = 0.8
COMMENTS = 2.5  # per 100 lines
# What Django names, and what only says which names go where.
UNTESTED = ("__init__.py", "__main__.py", "apps.py", "settings.py", "urls.py")
CORPUS = ("cases.py", "corpus.py", "emissions.py", "privacy.py", "topics.py")


def files(*suffixes: str) -> Iterator[Path]:
    """All files of the repository with such a name, those not yet added too, by their place in it."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    for name in names:
        if name.endswith(suffixes) and (ROOT / name).exists():
            yield Path(name)


def modules(*, package: str = "") -> list[Path]:
    """The product's modules, of one package or of all; migrations are generated, so they are none."""
    return [
        path
        for path in files(".py")
        if path.parts[0] in PACKAGES and path.parts[0].startswith(package) and "migrations" not in path.parts
    ]


def test_no_file_is_longer_than_400_lines() -> None:
    numbers = {path: (ROOT / path).read_text().count("\n") for path in files(".py")}
    longest = {str(path): number for path, number in numbers.items() if number > MAX_LINES}
    assert not longest, f"split these by noun: {longest}"


def test_no_line_of_a_template_or_script_is_longer_than_160_columns() -> None:
    longer = [
        f"{path}:{number} ({len(line)})"
        for path in files(".html", ".txt", ".js")
        if path.parts[0] == "templates" or path.parts[:2] == ("static", "js")
        for number, line in enumerate((ROOT / path).read_text().splitlines(), start=1)
        if len(line) > MAX_COLUMNS
    ]
    assert not longer, f"one element a line: {longer}"


def test_a_folder_has_few_modules() -> None:
    folders = Counter(path.parent for path in files(".py") if path.name != "__init__.py")
    crowded = {str(folder): number for folder, number in folders.items() if number > MAX_MODULES}
    assert not crowded, f"make folders of the nouns in these: {crowded}"
    house = Counter(path.parent for path in modules() if path.name != "__init__.py")
    mean = house.total() / len(house)
    assert mean <= MEAN_MODULES, f"{mean:.1f} modules a folder; the fullest: {house.most_common(5)}"


def test_four_of_five_modules_have_a_test_of_their_name() -> None:
    named = [
        path
        for path in modules()
        if path.name not in UNTESTED and not (path.parent == DEMO and path.name in CORPUS)
    ]
    missing = [str(path) for path in named if not any(_tests(path))]
    share = 1 - len(missing) / len(named)
    assert share >= TESTED, f"{share:.0%} of {len(named)} modules; without one: {', '.join(missing)}"


def _tests(module: Path) -> Iterator[bool]:
    """Whether its test is there: beside the others, or beside those that need a trainer's packages."""
    name = f"test_{module.name}"
    yield (ROOT / "tests" / module.parent / name).exists()
    yield (ROOT / "tests_client" / module.parent.relative_to(module.parts[0]) / name).exists()


@pytest.mark.parametrize("package", PACKAGES)
def test_comments_say_why(package: str) -> None:
    comments: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for path in modules(package=package):
        if path.parent == DEMO:
            continue
        text = (ROOT / path).read_text()
        folder = str(path.parent)
        lines[folder] += text.count("\n")
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        comments[folder] += sum(token.type == tokenize.COMMENT for token in tokens)
    share = 100 * comments.total() / lines.total()
    least = sorted(
        (round(100 * comments[folder] / lines[folder], 1), folder) for folder in lines if lines[folder]
    )
    assert share >= COMMENTS, f"{share:.2f} comments per 100 lines; the fewest are in {least[:5]}"


def test_this_sees_the_house() -> None:
    """A listing that is empty would keep every number."""
    assert {path.parts[0] for path in modules()} == set(PACKAGES)
    assert Path("tests/test_house.py") in set(files(".py"))
    assert {path.parts[0] for path in files(".html", ".js")} >= {"templates", "static"}
