"""What every REST view shares: who may, how lists are paged, how bodies are read, and how errors become HTTP."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, ValidationError
from django.http import Http404, HttpRequest, JsonResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions, status
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.mediatypes import media_type_matches
from rest_framework.views import APIView

from themis_admin.web.scopes import allowed
from themisdb_datasets.errors import (
    ConflictError,
    CorruptError,
    GoneError,
    ImpossibleError,
    LimitError,
    MalformedError,
    NotFoundError,
    ThemisError,
    TooLargeError,
    is_disk_full,
)
from themisdb_datasets.names import check_names

log = logging.getLogger(__name__)
STATUS: dict[type[ThemisError], int] = {
    MalformedError: 400,
    NotFoundError: 404,
    ConflictError: 409,
    GoneError: 410,
    TooLargeError: 413,
    ImpossibleError: 422,
    LimitError: 429,
    CorruptError: 500,
}
SENTENCE, FIELDS = 1_000, 100  # how long an error may be, and how many fields it names
CODES = {
    400: "malformed",
    401: "not_authenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
}
OBJECT = OpenApiTypes.OBJECT
ORDERING = OpenApiParameter("ordering", description="a field, with - before it descending")
PAGING = ("cursor", "page_size")


class HasScope(BasePermission):
    """A session has all scopes of its user; a token those it was made with.

    A view says what it needs by `scopes`, a mapping of methods; by default reading needs `read` and all else `write`.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        needed = _needed(request, view)
        if request.auth is not None and needed not in allowed(getattr(request.auth, "scopes", ())):
            raise exceptions.PermissionDenied(f'This needs a token with the scope "{needed}".', code="scope")
        if needed == "admin" and not getattr(request.user, "is_superuser", False):
            raise exceptions.PermissionDenied("Only an administrator may do this.")
        return True


def _needed(request: Request, view: APIView) -> str:
    reads = request.method in ("GET", "HEAD", "OPTIONS")
    scopes: Mapping[str, str] = getattr(view, "scopes", {})
    return scopes.get(request.method or "", "read" if reads else "write")


class StrictJSONParser(BaseParser):
    """JSON as the standard has it: no NaN, no lone surrogates, and no nesting or size that ends the process.

    U+0000 is refused too: PostgreSQL cannot store it.
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        # One byte more than is allowed shows that it is too long without reading the rest.
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise RequestDataTooBig
        try:
            document = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise exceptions.ParseError(f"The body is not JSON: {error}.") from None
        except RecursionError:
            raise exceptions.ParseError("The body is nested too deeply.") from None
        # JSON may have U+0000 only as this escape, so most bodies need no second look; a backslash that is
        # itself escaped looks the same here, and is told apart in the document.
        if b"\\u0000" in body:
            _refuse_nul(document)
        return document


def _refuse_nul(document: Any) -> None:
    """PostgreSQL cannot keep U+0000, so no text of a body may have it; the error names the body's field."""
    left = (
        [(name.replace("\0", ""), [name, value]) for name, value in document.items()]
        if isinstance(document, dict)
        else [("", document)]
    )
    while left:  # no recursion, which a body may nest too deeply for
        field, value = left.pop()
        if isinstance(value, str) and "\0" in value:
            message = "The character U+0000 cannot be kept; leave it out."
            raise exceptions.ValidationError({field: message} if field else message)
        if isinstance(value, dict):
            left += [(field, part) for pair in value.items() for part in pair]
        elif isinstance(value, list):
            left += [(field, part) for part in value]


# Otherwise a client that accepts only application/x-ndjson,
# or a browser that likes HTML, would be answered with 406.
class JSONAlways(BaseContentNegotiation):
    """The API answers in JSON (a stream in JSON lines) whatever the client says it accepts."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """The first parser for the body's media type; without one 415."""
        for parser in parsers:
            if media_type_matches(parser.media_type, request.content_type):
                return parser
        return None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        """The first renderer."""
        return renderers[0], renderers[0].media_type


class ListPagination(CursorPagination):
    """Pages of 100 by a cursor, which neither skips nor repeats while rows are added."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000
    ordering: Any = "-id"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        """The page; 400 for a cursor that was not made here."""
        try:
            return super().paginate_queryset(queryset, request, view)
        # A cursor of another list decodes, and fails where
        # its value is compared with a column of another type.
        except (exceptions.NotFound, ValueError, ValidationError):
            raise MalformedError.at(
                "cursor", "This cursor is none of this list's; start without one."
            ) from None

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.get_next_link(), "previous": self.get_previous_link(), "results": data})


class ThemisView(APIView):
    """The base of the API's views."""

    permission_classes = [HasScope]
    parser_classes = [StrictJSONParser]
    pagination_class = ListPagination
    content_negotiation_class = JSONAlways
    scopes: Mapping[str, str] = {}
    # The query parameters it knows; None where it looks at them itself.
    parameters: Sequence[str] | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authorise, then refuse parameters that are unknown, and what no database can look for."""
        super().initial(request, *args, **kwargs)
        if self.parameters is not None:
            check_names(request.query_params, self.parameters, what="parameter")
        for name, value in request.query_params.items():
            if "\0" in name or "\0" in value:
                raise MalformedError("The query has the character U+0000.", fields={name: "It has U+0000."})


def handle_error(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's exception handler: every error that is meant has the same JSON shape."""
    if isinstance(error, ThemisError):
        if isinstance(error, CorruptError):
            log.error("corrupt data: %s", error)
        headers = {"Retry-After": str(error.retry_after)} if isinstance(error, LimitError) else None
        response = error_response(status_of(error), error.message, error.code, error.fields, headers)
    elif isinstance(error, Http404):
        response = error_response(404, "There is no such object.", "not_found")
    elif isinstance(error, PermissionDenied):
        response = error_response(403, "This is not allowed.", "forbidden")
    elif isinstance(error, RequestDataTooBig):
        response = error_response(
            413, "The body is too large; send big files by resumable uploads.", "too_large"
        )
    elif isinstance(error, exceptions.APIException):
        response = _from_drf(error)
    elif is_disk_full(error):
        log.error("the disk is full: %s", error)
        response = error_response(507, "The disk is full; free some space, then try it again.", "no_space")
    else:
        return None
    return response


def status_of(error: ThemisError) -> int:
    """The HTTP status of an error of ours."""
    return STATUS.get(type(error), 400)


def _from_drf(error: exceptions.APIException) -> Response:
    headers: dict[str, str] = {}
    if auth := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if isinstance(error, exceptions.ValidationError):
        fields = _flatten(error.detail)
        name, first = next(iter(fields.items()), ("", "The request is malformed."))
        sentence = f"{name}: {first}" if name else first
        return error_response(400, sentence, "malformed", fields, headers)
    code = CODES.get(error.status_code, error.default_code)
    if isinstance(error, exceptions.PermissionDenied) and error.get_codes() == "scope":
        code = "scope"
    return error_response(error.status_code, str(error.detail), code, None, headers)


def _flatten(detail: Any, place: str = "") -> dict[str, str]:
    """DRF's nested errors as one sentence a place: `field_mapping.x`."""
    if isinstance(detail, Mapping):
        found: dict[str, str] = {}
        for name, inner in detail.items():
            below = "" if name == "non_field_errors" else str(name)
            found.update(_flatten(inner, ".".join(part for part in (place, below) if part)))
        return found
    if isinstance(detail, list):
        if detail and isinstance(detail[0], Mapping | list):
            return {
                key: text
                for i, inner in enumerate(detail)
                for key, text in _flatten(inner, f"{place}[{i}]").items()
            }
        return {place: " ".join(str(item) for item in detail)}
    return {place: str(detail)}


def error_document(sentence: str, code: str, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The shape of every error. A sentence that quotes what was sent does not send all of it back."""
    shown = {_short(str(name)): _short(text) for name, text in (fields or {}).items()}
    return {
        "status": "error",
        "error": _short(sentence),
        "code": code,
        "fields": dict(list(shown.items())[:FIELDS]),
    }


def _short(text: Any) -> Any:
    if not isinstance(text, str) or len(text) <= SENTENCE:
        return text
    return f"{text[: SENTENCE // 2]} … {text[-SENTENCE // 2 :]}"


def error_response(
    number: int,
    sentence: str,
    code: str,
    fields: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error as a response of DRF."""
    return Response(error_document(sentence, code, fields), status=number, headers=dict(headers or {}))


def unknown_route(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
    """Below /api/ also what does not exist answers as JSON."""
    document = error_document(
        f"There is nothing at {request.path}; /api/docs/ lists what there is.", "not_found"
    )
    return JsonResponse(document, status=status.HTTP_404_NOT_FOUND)


def server_error(request: HttpRequest) -> JsonResponse:
    """A fault of ours, told without its insides."""
    sentence = "Something went wrong on the server; its log says what."
    return JsonResponse(error_document(sentence, "internal"), status=status.HTTP_500_INTERNAL_SERVER_ERROR)


def parse_json(text: str, *, field: str) -> Any:
    """A JSON value that came as a query parameter."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise MalformedError.at(field, "This is no JSON: {reason}", reason=str(error)) from None
    except RecursionError:
        raise MalformedError.at(field, "It is nested too deeply.") from None
