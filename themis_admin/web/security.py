"""The content security policy: everything from here, nothing inline."""

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

Handler = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def content_security_policy(get_response: Handler) -> Handler:
    """Put the policy on every response."""

    def put(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        return response

    if iscoroutinefunction(get_response):
        slow = cast(Callable[[HttpRequest], Awaitable[HttpResponseBase]], get_response)

        async def asynchronous(request: HttpRequest) -> HttpResponseBase:
            return put(request, await slow(request))

        return markcoroutinefunction(asynchronous)
    quick = cast(Callable[[HttpRequest], HttpResponseBase], get_response)

    def synchronous(request: HttpRequest) -> HttpResponseBase:
        return put(request, quick(request))

    return synchronous
