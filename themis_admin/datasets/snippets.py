"""Code that one copies out of the console: lines for the command `themis`, and Python with the package at the trainer."""

import json
import shlex
from collections.abc import Mapping

from django.http import HttpRequest

from themis_admin.datasets.models import Dataset, Theme

Snippets = list[tuple[str, str]]
SHUFFLED: dict[str, str | int] = {"order": "shuffled", "seed": 1}


def command(request: HttpRequest, *lines: str) -> str:
    """Lines for the command, and where it shall go; its token comes from THEMIS_TOKEN or `themis login`."""
    return "\n".join((f"export THEMIS_URL={_here(request)}", *lines))


def of_stream(request: HttpRequest, dataset: Dataset, theme: Theme | None = None) -> Snippets:
    """How a dataset's samples, or those of a theme, are trained on; nothing where it has no version."""
    if dataset.latest is None:
        return []
    query = {"dataset": dataset.name}
    if theme is not None:
        query["theme"] = theme.name
    form = _format(dataset)
    if form != "instruction_tuning":  # which it is without being asked for
        query["format"] = form
    asked = f"QUERY = {_python({**query, **SHUFFLED})}"
    server = f'{json.dumps(_here(request))}, {{}}os.environ["THEMIS_TOKEN"]'
    torch = (
        '# pip install "themisdb-datasets[torch]"\nimport os\nfrom torch.utils.data import DataLoader\n'
        f"from themisdb_datasets import ThemisDBStreamDataset\n\n{asked}\n\n"
        f'dataset = ThemisDBStreamDataset({server.format("")}, QUERY, cache_dir="cache")\n'
        "loader = DataLoader(dataset, batch_size=32, num_workers=2)"
    )
    hugging = (
        f'# pip install "themisdb-datasets[hf]"\nimport os\nfrom themisdb_datasets import load\n\n{asked}\n\n'
        f"dataset = load(QUERY, base_url={server.format('token=')})"
    )
    options = "".join(f" \\\n  --{name}={shlex.quote(query[name])}" for name in query if name != "theme")
    # A theme may be called like an option.
    name = "" if theme is None else f" \\\n  -- {shlex.quote(theme.name)}"
    shell = command(
        request, f"themis stream --order=shuffled --seed=1{options} \\\n  --output=samples.jsonl{name}"
    )
    return [("PyTorch", torch), ("HuggingFace", hugging), ("themis", shell)]


def of_folder(folder: str, *, extras: str, sample: str = "samples[-1], samples[10:20]") -> str:
    """How a folder that was pulled is read by number, by a training too."""
    return (
        f'# pip install "themisdb-datasets{extras}"\nfrom themisdb_datasets import ThemisDataset\n\n'
        f'samples = ThemisDataset("{folder}", shuffle=True, seed=1)\n{sample}'
    )


def _here(request: HttpRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")


def _python(query: Mapping[str, str | int]) -> str:
    """A flat object as a literal of Python, which for texts and whole numbers JSON is."""
    parts = "".join(
        f"    {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)},\n" for name, value in query.items()
    )
    return f"{{\n{parts}}}"


def _format(dataset: Dataset) -> str:
    """The first format that the dataset's mapping fills."""
    assert dataset.latest is not None
    names = {field["name"] for field in dataset.latest.fields}

    def is_there(role: str, usual: str) -> bool:
        source = dataset.field_mapping.get(role, usual)
        return source in names or "{" in source

    if is_there("instruction_field", "question") and is_there("output_field", "answer"):
        return "instruction_tuning"
    return "text_completion" if is_there("text_field", "content") else "raw"
