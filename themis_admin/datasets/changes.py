"""What the apps above datasets hear of, each inside the transaction that changes something."""

from collections.abc import Callable

from themis_admin.datasets.models import Dataset

# Called when a dataset has a new latest version, or one of its themes was saved. An app adds its function when it is
# ready: a plain list, so that who is called is in one place and what it raises reaches the one who changed something.
LISTENERS: list[Callable[[Dataset], None]] = []


def subject_changed(dataset: Dataset) -> None:
    """Tell every listener of it."""
    for listener in LISTENERS:
        listener(dataset)
