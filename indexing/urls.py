"""The routes of the indexing app."""

from django.urls import URLPattern, URLResolver, path

from indexing import tokenizer_pages
from indexing.tokenizer_api import TokenizersView, TokenizerView

api_urlpatterns: list[URLPattern | URLResolver] = [
    path("tokenizers/", TokenizersView.as_view()),
    path("tokenizers/<int:pk>/", TokenizerView.as_view()),
]
page_urlpatterns: list[URLPattern | URLResolver] = [
    path("tokenizers/", tokenizer_pages.tokenizer_list, name="tokenizer-list"),
    path("tokenizers/<int:pk>/delete/", tokenizer_pages.tokenizer_delete, name="tokenizer-delete"),
]
