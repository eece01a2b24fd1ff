"""What people ask of token indexes: one of a version or a theme, with a tokenizer, checked before its job is queued."""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from indexing import services, tokenizers
from indexing.index_models import TOKENS
from indexing.tokenizer_models import Tokenizer
from themis_admin.accounts.models import User
from themis_admin.datasets import checks
from themis_admin.datasets.artifacts import FILES, Artifact
from themis_admin.datasets.models import Theme, Version
from themis_admin.datasets.space import check_room
from themis_admin.jobs.models import Job
from themisdb_datasets.errors import GoneError, ImpossibleError, MalformedError
from themisdb_datasets.mapping import MappedValue, parse_value
from themisdb_datasets.names import nearest
from themisdb_datasets.packing import Dtype, Packing


@dataclass(frozen=True)
class Wanted:
    """What the index shall be made of; what is empty or None is chosen: by the dataset's mapping, or the tokenizer."""

    tokenizer: Tokenizer
    text_field: str = ""
    sample_size: int | None = None
    eos_token: str = ""
    dtype: Dtype | None = None


def start_token_index(version: Version, wanted: Wanted, *, user: User, theme: Theme | None = None) -> Job:
    """Queue the job that builds a token index; all that its tokenizer cannot do is refused now."""
    text = _text(version, wanted.text_field)
    loaded = tokenizers.load(wanted.tokenizer.digest)
    packing = Packing(text, wanted.sample_size, wanted.eos_token or None, wanted.dtype)
    # An end token that the tokenizer does not have, or a vocabulary that does not fit the numbers, is told
    # now, while somebody waits for the answer, and not by a job that fails.
    checked = packing.checked(loaded)
    check_room(version.num_bytes, folder=Path(settings.THEMIS.storage), what="This index")
    params = {
        "tokenizer": wanted.tokenizer.pk,
        "tokenizer_name": wanted.tokenizer.name,
        "tokenizer_sha256": loaded.digest,
        "text_field": text.source,
        "sample_size": packing.sample_size,
        "eos_token": checked.eos_token,
        "dtype": checked.dtype,
    }
    file = Artifact.objects.filter(kind=FILES, digest=loaded.digest).first()
    if file is None:
        raise GoneError("The tokenizer was deleted meanwhile.")
    return services.start_index(
        version, user=user, kind=TOKENS, theme=theme, params=params, kept={tokenizers.FILE_NAME: file}
    )


def _text(version: Version, source: str) -> MappedValue:
    """The mapped text, by default the one of the dataset's mapping. Fields that no sample has are refused."""
    source = source or version.dataset.field_mapping.get("text_field", "")
    if not source:
        message = "Name the field that holds the text, or a template such as {title}: {text}."
        raise MalformedError(message, fields={"text_field": message})
    value = parse_value(checks.clean_text(source, field="text_field"), place="text_field")
    known = checks.known_fields(version)
    for name in value.fields if known is not None else ():
        if name not in (known or ()):
            message = f"No sample of the version has a field {name!r}{nearest(name, known or ())}."
            raise ImpossibleError(message, code="unknown_field", fields={"text_field": message})
    return value
