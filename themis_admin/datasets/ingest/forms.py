"""The form of putting a file in."""

from django import forms

from themis_admin.web.forms import ServiceForm


class UploadForm(ServiceForm):
    """A file in one piece, for a browser without scripts."""

    file = forms.FileField()
    note = forms.CharField(required=False, max_length=2000)
    mode = forms.ChoiceField(
        choices=[("append", "append"), ("upsert", "upsert"), ("replace", "replace")], required=False
    )
