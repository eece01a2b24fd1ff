"""Errors, which go from a worker to the process that waits for it."""

import copy
import inspect
import pickle

import pytest

from themisdb_datasets import errors
from themisdb_datasets.errors import LimitError, ThemisError

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ThemisError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_pickled_whole(kind: type[ThemisError]) -> None:
    error = kind("It is so.", code="so")
    error.fields["name"] = "taken"
    if isinstance(error, LimitError):
        error.retry_after = 7
    for same in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(same) is kind
        assert str(same) == "It is so."
        assert vars(same) == vars(error)
