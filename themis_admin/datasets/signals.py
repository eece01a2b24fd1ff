"""What the apps above datasets hear of, each inside the transaction that changes something."""

from django.dispatch import Signal

# A dataset has a new latest version, or one of its themes was saved: {"dataset"}.
subject_changed = Signal()
