"""The form of deleting samples."""

from django import forms

from themis_admin.datasets.themes.forms import ThemeForm
from themis_admin.web.forms import ServiceForm


class DeleteForm(ServiceForm):
    """A filter of what is to go, as JSON, which the filter builder writes."""

    where = ThemeForm.base_fields["where"]
    note = forms.CharField(required=False, max_length=2000)
    clean_where = ThemeForm.clean_where
