"""What the page of a token index shows beside what all indexes do: its tokens as text, its figures, how it is read."""

from functools import lru_cache
from typing import Any

from django.http import HttpRequest

from indexing import reading, tokenizers
from indexing.models import Index
from themisdb_datasets.tokenizer import Tokenizer as Loaded

MAX_TOKENS = 20_000  # of a sample that are shown


@lru_cache(maxsize=2)
def _loaded(digest: str) -> Loaded:
    return tokenizers.load(digest)


def sample(row: Index, asked: str) -> dict[str, Any]:
    """The sample that is asked for by its number: its text, its tokens, and its neighbours."""
    opened = reading.open_tokens(row)
    number = reading.asked_numbers(asked, count=len(opened), field="n")[0]
    tokens = opened[number].tolist()
    library = _loaded(row.params["tokenizer_sha256"]).library
    return {
        "asked": asked,
        "number": number,
        "num_tokens": len(tokens),
        "text": library.decode(tokens[:MAX_TOKENS], skip_special_tokens=False),
        "tokens": ", ".join(map(str, tokens[:MAX_TOKENS])),
        "cut_tokens": MAX_TOKENS if len(tokens) > MAX_TOKENS else None,
        "previous": number - 1,
        "following": number + 1 if number + 1 < len(opened) else None,
    }


def snippets(request: HttpRequest, row: Index, fetch: str, pull: str) -> list[tuple[str, str]]:
    """How its blocks are asked for, and how the folder, which `fetch` and `pull` get, is opened."""
    address = request.build_absolute_uri(row.url)
    dtype, size = row.params["dtype"], row.params["sample_size"]
    shape = f".reshape(-1, {size})" if size is not None else ""
    blocks = (
        "import os\n\nimport numpy as np\nimport requests\n\n"
        f'answer = requests.get(\n    "{address}blocks/",\n'
        f"    params={_order(size)},\n"
        '    headers={"Authorization": f"Bearer {os.environ[\'THEMIS_TOKEN\']}"},\n)\n'
        f'tokens = np.frombuffer(answer.content, "{dtype}"){shape}'
    )
    read = "samples.batch([3, 1, 2])" if size is not None else "samples[0], samples[-1]"
    ours = (
        "from pathlib import Path\nfrom themisdb_datasets.tokens import TokenIndex\n\n"
        f'samples = TokenIndex.open(Path("index-{row.pk}"))\n{read}'
    )
    forager = (
        "import numpy as np\nfrom data_forager.datasets.tokens import TokensDataset\n\n"
        f'samples = TokensDataset.create_from_index_on_filesystem(\n    "index-{row.pk}", token_dtype=np.{dtype}\n)\n'
        "samples[0]"
    )
    return [
        ("Blocks", blocks),
        ("themis", pull),
        ("Download", fetch),
        ("Python", ours),
        ("data-forager", forager),
    ]


def _order(size: int | None) -> str:
    return '{"order": "shuffled", "seed": 1, "epoch": 0}' if size is not None else "{}"
