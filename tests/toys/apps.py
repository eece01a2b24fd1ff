"""The app of the toy jobs."""

from django.apps import AppConfig


class ToysConfig(AppConfig):
    """Registers the toy jobs in every process that knows this app."""

    name = "tests.toys"
    label = "toys"

    def ready(self) -> None:
        from tests.toys import jobs  # noqa: F401 - importing it registers them
