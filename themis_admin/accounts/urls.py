"""The routes of accounts."""

from django.urls import URLPattern, URLResolver, path

from themis_admin.accounts import api, pages

api_urlpatterns: list[URLPattern | URLResolver] = [
    path("tokens/", api.TokensView.as_view()),
    path("tokens/<int:pk>/", api.TokenView.as_view()),
    path("audit/", api.AuditView.as_view()),
]
page_urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", pages.LoginPage.as_view(), name="login"),
    path("logout/", pages.logout, name="logout"),
    path("password/", pages.PasswordChangePage.as_view(), name="password-change"),
    path("password/reset/", pages.PasswordResetPage.as_view(), name="password-reset"),
    path("password/reset/sent/", pages.password_reset_sent, name="password-reset-sent"),
    path(
        "password/reset/<uidb64>/<token>/",
        pages.PasswordResetConfirmPage.as_view(),
        name="password-reset-confirm",
    ),
    path("tokens/", pages.token_list, name="token-list"),
    path("tokens/<int:pk>/revoke/", pages.token_revoke, name="token-revoke"),
    path("users/", pages.user_list, name="user-list"),
    path("users/<int:pk>/link/", pages.user_reset_link, name="user-reset-link"),
    path("users/<int:pk>/deactivate/", pages.user_deactivate, name="user-deactivate"),
    path("users/<int:pk>/activate/", pages.user_activate, name="user-activate"),
]
