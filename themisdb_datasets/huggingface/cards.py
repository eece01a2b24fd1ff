"""Dataset cards: a README.md that says where samples come from, so that anybody with access can get the same ones."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from themisdb_datasets.client.client import Client, PlanInfo
from themisdb_datasets.errors import ConflictError

README = "README.md"
PLAIN = re.compile(r"[a-z_]+")
MARK = "themis_plan"
SIZES = (10**3, 10**4, 10**5, 10**6, 10**7, 10**8, 10**9, 10**10, 10**11, 10**12)
NAMES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
DTYPES = {"text": "string", "int64": "int64", "double": "float64", "bool": "bool"}


def push_card(
    query: Mapping[str, Any],
    *,
    base_url: str | None = None,
    token: str | None = None,
    folder: str | Path | None = None,
    repo_id: str | None = None,
    hub_token: str | None = None,
    **about: Any,
) -> str:
    """The card of what a stream's `query` asks for: written to `folder`, pushed to the Hub's `repo_id`, and answered.

    `about` goes into its head as it is: `license`, `language`, `pretty_name`, `tags`, … ConflictError where the folder
    has a README.md that is no card of ours. The Hub needs the extra [hf], and a token of its own.
    """
    with Client(base_url, token) as client:
        text = card(client.plan(query), **about)
    if folder is not None:
        _write(Path(folder) / README, text)
    if repo_id is not None:
        from huggingface_hub import HfApi

        hub = HfApi(token=hub_token)
        hub.create_repo(repo_id, repo_type="dataset", exist_ok=True)
        hub.upload_file(
            path_or_fileobj=text.encode(),
            path_in_repo=README,
            repo_id=repo_id,
            repo_type="dataset",
            commit_message="Where these samples come from",
        )
    return text


def card(plan: PlanInfo, **about: Any) -> str:
    """The card of a plan; equal plans have equal cards."""
    title, fields = plan.answer["title"], plan.answer["fields"]
    info: dict[str, Any] = {"splits": [{"name": "train", "num_examples": plan.num_samples}]}
    if fields is not None:
        info = {"features": [_feature(each) for each in fields], **info}
    head = {
        "pretty_name": title,
        "size_categories": [_size(plan.num_samples)],
        "tags": ["themis"],
        "dataset_info": info,
        MARK: plan.digest,
        "themis_version": plan.version,
        **about,
    }
    lines = ["---", *_yaml(head), "---", "", f"# {head['pretty_name']}", "", *_provenance(plan, title)]
    if fields is not None:
        lines += ["", "## Fields", "", "| field | kind |", "|---|---|"]
        lines += [f"| {_cell(name)} | {kind} |" for name, kind in _flat(fields)]
    document = msgspec.json.format(msgspec.json.encode(plan.document), indent=2).decode()
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", document)), default=0))
    return "\n".join([*lines, "", "## Plan", "", f"{fence}json", document, fence, ""])


def _provenance(plan: PlanInfo, title: str) -> list[str]:
    ordering = plan.document["order"]
    drawn = ", ".join(f"{name} {ordering[name]}" for name in ("seed", "epoch") if name in ordering)
    known = {
        "samples": f"{plan.num_samples:,} of {title}",
        "version": f"{plan.answer['version']['number']}, `{plan.version}`",
        "plan": f"`{plan.digest}`",
        "format": plan.document["format"]["name"],
        "order": f"{ordering['kind']}, {drawn}" if drawn else ordering["kind"],
    }
    return [
        "## Provenance",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {_cell(value)} |" for name, value in known.items()),
        "",
        "A plan pins every detail that decides a byte of these samples: the version, the filter, the weighting rules, the",
        "mapping, the order. Who has access to that Themis gets them again, in this order:",
        "",
        "```python",
        "from themisdb_datasets import load",
        "",
        f"dataset = load({_query(plan)})",
        "```",
    ]


def _query(plan: PlanInfo) -> str:
    whole = plan.num_samples == plan.total
    return msgspec.json.encode(
        {"cursor": plan.cursor, **({} if whole else {"limit": plan.num_samples})}
    ).decode()


def _write(path: Path, text: str) -> None:
    if path.exists() and f"\n{MARK}:" not in path.read_text():
        raise ConflictError(
            f"{path} is no card that was made here; move it away, or write the card to another folder."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _flat(fields: Iterable[Mapping[str, Any]], before: str = "") -> list[tuple[str, str]]:
    found = []
    for each in fields:
        name = before + each["name"]
        kind = "list of objects" if each["kind"] == "list" else each["kind"]
        found += [(name, kind), *_flat(each.get("fields", ()), f"{name}.")]
    return found


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def _size(count: int) -> str:
    """The Hub's name for a number of samples."""
    place = sum(count >= size for size in SIZES)
    if place == 0:
        return f"n<{NAMES[0]}"
    return f"{NAMES[place - 1]}<n<{NAMES[place]}" if place < len(NAMES) else f"n>{NAMES[-1]}"


def _feature(field: Mapping[str, Any]) -> dict[str, Any]:
    """A field as the Hub's `dataset_info` describes it."""
    if field["kind"] in ("object", "list"):
        key = "struct" if field["kind"] == "object" else "list"
        return {"name": field["name"], key: [_feature(each) for each in field["fields"]]}
    return {"name": field["name"], "dtype": DTYPES.get(field["kind"], "json")}


def _yaml(value: Any, *, indent: str = "") -> list[str]:
    """A value as a block of YAML; names and scalars are JSON, which YAML takes."""
    if isinstance(value, Mapping):
        parts = [(f"{_name(name)}:", each) for name, each in value.items()]
    else:
        parts = [("-", each) for each in value]
    lines = []
    for start, each in parts:
        if each and isinstance(each, Mapping | list | tuple):
            inner = _yaml(each, indent=f"{indent}  ")
            if start == "-":
                # The first line of an element stands beside its dash.
                inner[0] = f"{indent}- {inner[0].strip()}"
                lines += inner
            else:
                lines += [f"{indent}{start}", *inner]
        else:
            lines.append(f"{indent}{start} {msgspec.json.encode(each).decode()}")
    return lines


def _name(name: str) -> str:
    return name if PLAIN.fullmatch(name) else msgspec.json.encode(name).decode()
