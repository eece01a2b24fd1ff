"""The sockets that the web process offers."""

from channels.routing import URLRouter
from channels.sessions import SessionMiddlewareStack
from django.urls import URLPattern, path

from exports.feedback.consumers import FeedbackConsumer
from themis_admin.jobs.consumers import EventsConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/events", EventsConsumer.as_asgi()),
    path("ws/feedback", FeedbackConsumer.as_asgi()),
]
sockets = SessionMiddlewareStack(URLRouter(websocket_urlpatterns))
