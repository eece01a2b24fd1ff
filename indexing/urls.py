"""The routes of the indexing app."""

from django.urls import URLPattern, URLResolver, path

from indexing.indexes import pages
from indexing.indexes.api import (
    IndexBlocksView,
    IndexDownloadView,
    IndexesView,
    IndexSamplesView,
    IndexSampleView,
    IndexView,
)
from indexing.tokenizers import pages as tokenizer_pages
from indexing.tokenizers.api import TokenizersView, TokenizerView

api_urlpatterns: list[URLPattern | URLResolver] = [
    path("indexes/", IndexesView.as_view()),
    path("indexes/<int:pk>/", IndexView.as_view()),
    path("indexes/<int:pk>/samples/", IndexSamplesView.as_view()),
    path("indexes/<int:pk>/samples/<str:number>", IndexSampleView.as_view()),
    path("indexes/<int:pk>/samples/<str:number>/", IndexSampleView.as_view()),
    path("indexes/<int:pk>/blocks/", IndexBlocksView.as_view()),
    path("indexes/<int:pk>/download/", IndexDownloadView.as_view()),
    path("tokenizers/", TokenizersView.as_view()),
    path("tokenizers/<int:pk>/", TokenizerView.as_view()),
]
page_urlpatterns: list[URLPattern | URLResolver] = [
    path("indexes/", pages.index_list, name="index-list"),
    path("indexes/<int:pk>/", pages.index, name="index"),
    path("indexes/<int:pk>/remove/", pages.index_remove, name="index-remove"),
    path("versions/<int:pk>/indexes/new/", pages.index_new, name="index-new"),
    path("artifacts/<int:pk>/index/", pages.file_index_new, name="file-index-new"),
    path("tokenizers/", tokenizer_pages.tokenizer_list, name="tokenizer-list"),
    path("tokenizers/<int:pk>/delete/", tokenizer_pages.tokenizer_delete, name="tokenizer-delete"),
]
