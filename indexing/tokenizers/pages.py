"""The console's pages about tokenizers: the list with the upload, and deleting one."""

from typing import cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from indexing.models import Tokenizer
from indexing.tokenizers import services
from themis_admin.accounts.models import User
from themis_admin.datasets.cleaning import MAX_NAME
from themis_admin.web.forms import ServiceForm
from themisdb_datasets.errors import ThemisError

PAGE_SIZE = 50


class TokenizerForm(ServiceForm):
    """The file, and what it shall be called."""

    file = forms.FileField(label="tokenizer.json", allow_empty_file=True)
    name = forms.CharField(required=False, max_length=MAX_NAME, help_text="By default the file's name")


@login_required
def tokenizer_list(request: HttpRequest) -> HttpResponse:
    """One's tokenizers by name; a POST uploads another."""
    form = TokenizerForm(request.POST, request.FILES) if request.method == "POST" else TokenizerForm()
    if request.method == "POST" and form.is_valid():
        try:
            row = services.add_tokenizer(user=cast(User, request.user), **form.cleaned_data)
        except ThemisError as error:
            form.add_service_error(error)
        else:
            messages.success(request, f"{row.name} is saved; it has {row.vocabulary_size:,} tokens.")
            return redirect("tokenizer-list")
    rows = Tokenizer.objects.visible_to(request.user).select_related("owner")
    page = Paginator(rows.order_by("name", "id"), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page}
    return render(request, "indexing/tokenizers/list.html", context, status=422 if form.errors else 200)


@login_required
def tokenizer_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what ends, then ends it."""
    rows = Tokenizer.objects.visible_to(request.user)
    row: Tokenizer = get_object_or_404(rows, pk=pk)
    if request.method == "POST":
        services.delete_tokenizer(row, user=cast(User, request.user))
        messages.success(request, f"{row.name} is deleted.")
        return redirect("tokenizer-list")
    context = {
        "heading": f"Delete the tokenizer {row.name}",
        "action": "Delete the tokenizer",
        "consequences": [
            "No further token index can be made with it, unless you upload it again.",
            "Indexes that were made with it stay as they are, and keep its file.",
        ],
        "back": reverse("tokenizer-list"),
        "back_label": "Tokenizers",
    }
    return render(request, "confirm.html", context)
