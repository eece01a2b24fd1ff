"""Static files under ASGI: sent in one piece, for a response that streams from a file is collected whole there anyway."""

from contextlib import closing

from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile


class StaticFiles(WhiteNoiseMiddleware):
    """WhiteNoise, without its streaming response."""

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        """The file, a range of it, or that it has not changed."""
        found = static_file.get_response(request.method, request.META)
        body = b""
        if found.file is not None:
            with closing(found.file) as file:
                body = file.read()
        response = HttpResponse(body, status=int(found.status))
        # Django's guess; WhiteNoise's headers, which follow,
        # have the right one, or none where there is no body.
        del response["content-type"]
        for key, value in found.headers:
            response[key] = value
        return response
