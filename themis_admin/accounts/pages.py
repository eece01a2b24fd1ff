"""The console's pages about access: logging in, passwords, API tokens, and for administrators users."""

from datetime import timedelta
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import forms as auth_forms
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from themis_admin.accounts import audit, services
from themis_admin.accounts.models import ApiToken, User
from themisdb_datasets.errors import LimitError, ThemisError

SCOPES = [
    ("read", "read: see datasets, versions, themes and jobs"),
    ("export", "export: stream training data"),
    ("write", "write: make, change and delete; includes read"),
    ("admin", "admin: everything you may do"),
]
LIFETIMES = [("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "never")]
HOUR = 3600


class LoginForm(auth_forms.AuthenticationForm):
    """Name and password, refused for a while after too many wrong ones."""

    def clean(self) -> dict[str, Any]:
        name = str(self.cleaned_data.get("username", ""))
        ip = str(self.request.META.get("REMOTE_ADDR", "")) if self.request is not None else ""
        try:
            services.count_login(name, ip)
        except LimitError as error:
            raise forms.ValidationError(str(error), code=error.code) from None
        cleaned = super().clean()
        services.forget_failed_logins(name, ip)
        return cleaned


class LoginPage(auth_views.LoginView):
    """Logging in; also written to the audit log."""

    template_name = "accounts/login.html"
    redirect_authenticated_user = True
    authentication_form = LoginForm

    def form_valid(self, form: auth_forms.AuthenticationForm) -> HttpResponse:
        audit.record(user=form.get_user(), action="login")
        return super().form_valid(form)


class PasswordChangePage(auth_views.PasswordChangeView):
    """Changing one's own password."""

    template_name = "accounts/password_change.html"
    success_url = reverse_lazy("overview")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your password is changed.")
        audit.record(user=cast(User, self.request.user), action="password.changed")
        return super().form_valid(form)


class PasswordResetPage(auth_views.PasswordResetView):
    """Asking for a link by mail, where this server sends mail; the answer never tells who has an account."""

    template_name = "accounts/password_reset.html"
    email_template_name = "accounts/password_reset_email.txt"
    subject_template_name = "accounts/password_reset_subject.txt"
    success_url = reverse_lazy("password-reset-sent")
    extra_context = {"sends_mail": bool(settings.EMAIL_HOST)}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.EMAIL_HOST:
            raise PermissionDenied
        return super().post(request, *args, **kwargs)


def password_reset_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/password_reset.html", {"sent": True})


class PasswordResetConfirmPage(auth_views.PasswordResetConfirmView):
    """Choosing a new password by a one-time link."""

    template_name = "accounts/password_reset_confirm.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your password is set. Log in with it.")
        user: User = form.user
        services.forget_failed_logins(user.get_username(), str(self.request.META.get("REMOTE_ADDR", "")))
        audit.record(user=user, action="password.reset")
        return super().form_valid(form)


class TokenForm(forms.Form):
    """A token's name, what it may do, and how long."""

    name = forms.CharField(max_length=200)
    scopes = forms.MultipleChoiceField(
        label="It may", choices=SCOPES, widget=forms.CheckboxSelectMultiple, initial=["read", "export"]
    )
    expires_in = forms.ChoiceField(label="It runs out after", choices=LIFETIMES, initial="90", required=False)


class UserForm(forms.ModelForm[User]):
    """A new account; its password is chosen through a one-time link."""

    is_superuser = forms.BooleanField(label="Administrator: sees everything, makes users", required=False)

    class Meta:
        model = User
        fields = ("username", "email", "is_superuser")
        help_texts = {"username": ""}


@login_required
@never_cache
def token_list(request: HttpRequest) -> HttpResponse:
    """One's tokens; a new one's secret is in the answer to its form and nowhere else."""
    user = cast(User, request.user)
    form = TokenForm(request.POST or None)
    context: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        days = data["expires_in"]
        expires = timezone.now() + timedelta(days=int(days)) if days else None
        try:
            token, secret = services.create_token(
                user, name=data["name"], scopes=data["scopes"], expires_at=expires
            )
        except ThemisError as error:
            form.add_error(None, str(error))
        else:
            context = {"created": token, "secret": secret, "snippets": token_snippets(request, secret)}
            form = TokenForm()
    tokens = ApiToken.objects.visible_to(user)
    context.update(form=form, tokens=list(tokens))
    return render(request, "accounts/tokens.html", context, status=422 if form.errors else 200)


def token_snippets(request: HttpRequest, secret: str) -> list[tuple[str, str]]:
    """How to keep a token for the other snippets, and a first call with it."""
    url = request.build_absolute_uri("/api/v1/datasets/")
    return [
        ("shell", f"export THEMIS_TOKEN={secret}"),
        ("curl", f'curl -H "Authorization: Bearer {secret}" {url}'),
        ("Python", f'import os\n\nos.environ["THEMIS_TOKEN"] = "{secret}"'),
    ]


@login_required
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    user = cast(User, request.user)
    token = get_object_or_404(ApiToken.objects.visible_to(user), pk=pk)
    if request.method == "POST":
        try:
            services.revoke_token(token, user=user)
        except ThemisError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"{token.name} is revoked.")
        return redirect("token-list")
    context = {
        "heading": f"Revoke {token.name}",
        "action": "Revoke the token",
        "consequences": [
            "Whatever uses this token is refused from now on; it cannot be brought back.",
            "Streams that are open with it go on to their end.",
        ],
        "back": reverse("token-list"),
        "back_label": "Tokens",
    }
    return render(request, "confirm.html", context)


def _audit(request: HttpRequest, action: str, user: User) -> None:
    audit.record(user=cast(User, request.user), action=action, object=user.get_username())


def _administrator(request: HttpRequest) -> User:
    user = cast(User, request.user)
    if not user.is_superuser:
        raise PermissionDenied
    return user


@login_required
@never_cache
def user_list(request: HttpRequest) -> HttpResponse:
    """Everybody, for administrators, and a form for one more."""
    _administrator(request)
    form = UserForm(request.POST or None)
    context: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        user = form.save(commit=False)
        # Nobody but the user ever knows it: it is chosen through the one-time link.
        user.set_unusable_password()
        user.save()
        _audit(request, "user.created", user)
        context = _link_context(request, user)
        form = UserForm()
    context.update(form=form, users=list(User.objects.order_by("username")))
    return render(request, "accounts/users.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
@never_cache
def user_reset_link(request: HttpRequest, pk: int) -> HttpResponse:
    """A one-time link to choose a new password, shown to the administrator once."""
    _administrator(request)
    user = get_object_or_404(User, pk=pk, is_active=True)
    _audit(request, "user.reset_link", user)
    context = {
        **_link_context(request, user),
        "form": UserForm(),
        "users": list(User.objects.order_by("username")),
    }
    return render(request, "accounts/users.html", context)


def _link_context(request: HttpRequest, user: User) -> dict[str, Any]:
    return {
        "reset_user": user.get_username(),
        "reset_link": request.build_absolute_uri(services.reset_path(user)),
        "reset_hours": settings.PASSWORD_RESET_TIMEOUT // HOUR,
    }


@login_required
def user_deactivate(request: HttpRequest, pk: int) -> HttpResponse:
    me = _administrator(request)
    # Not oneself, or the last administrator could lock everybody out.
    user = get_object_or_404(User.objects.exclude(pk=me.pk), pk=pk)
    if request.method == "POST":
        User.objects.filter(pk=pk).update(is_active=False)
        _audit(request, "user.deactivated", user)
        messages.success(request, f"{user.get_username()} is deactivated.")
        return redirect("user-list")
    context = {
        "heading": f"Deactivate {user.get_username()}",
        "action": "Deactivate the user",
        "consequences": [
            "They are logged out, and all their tokens are refused from now on.",
            "Their datasets stay and can be seen by administrators. You can activate them again.",
        ],
        "back": reverse("user-list"),
        "back_label": "Users",
    }
    return render(request, "confirm.html", context)


@login_required
@require_POST
def user_activate(request: HttpRequest, pk: int) -> HttpResponse:
    _administrator(request)
    user = get_object_or_404(User, pk=pk)
    User.objects.filter(pk=pk).update(is_active=True)
    _audit(request, "user.activated", user)
    messages.success(request, f"{user.get_username()} is active again.")
    return redirect("user-list")


logout = auth_views.LogoutView.as_view()
