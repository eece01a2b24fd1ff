"""Forms that tell what a service refuses at the field at fault."""

from django import forms

from themisdb_datasets.errors import ThemisError


class ServiceForm(forms.Form):
    """A form whose values a service checks again; what the service says goes under the field it means."""

    def add_service_error(self, error: ThemisError) -> None:
        """Put the service's sentences where their fields are, and the rest on top."""
        placed = False
        for name, message in error.fields.items():
            # A service names the very place, `split.parts[1].name`; the form has one input for all of it.
            target = name.removeprefix("field_mapping.").split(".")[0].split("[")[0]
            target = {"split": "split_by" if name == "split.by" else "split_parts"}.get(target, target)
            if target in self.fields:
                self.add_error(target, str(message))
                placed = True
        if not placed:
            self.add_error(None, str(error))
