"""What the tests of accounts share."""

from django.test import Client
from rest_framework.test import APIClient


def log_in(client: Client, name: str, password: str, *, ip: str = "127.0.0.1") -> bool:
    client.post("/login/", {"username": name, "password": password}, REMOTE_ADDR=ip)
    return "_auth_user_id" in client.session


def bearer(text: str) -> APIClient:
    return APIClient(headers={"authorization": f"Bearer {text}"})
