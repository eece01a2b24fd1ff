"""Names that somebody may have meant."""

import difflib
from collections.abc import Iterable, Sequence

from themisdb_datasets.errors import MalformedError


def nearest(name: str, known: Iterable[str]) -> str:
    """`, did you mean 'law'` where one of `known` is near to `name`, otherwise nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}" if close else ""


def check_names(given: Iterable[str], known: Sequence[str], *, what: str) -> None:
    """MalformedError for the first name that is not known, with the nearest that is."""
    for name in given:
        if name not in known:
            raise MalformedError.at(
                name, "There is no {what} {name!r}{hint}.", what=what, name=name, hint=nearest(name, known)
            )
