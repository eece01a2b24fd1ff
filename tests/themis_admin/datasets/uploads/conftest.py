"""What the tests of uploads share."""

import json
from typing import Any

from rest_framework.test import APIClient

from tests.themis_admin.datasets.conftest import SAMPLES

URL = "/api/v1/uploads/"
CONTENT = b"".join(json.dumps(each).encode() + b"\n" for each in SAMPLES)


def start(client: APIClient, *, num_bytes: int = len(CONTENT), filename: str = "gesetze.jsonl") -> Any:
    answer = client.post(URL, {"filename": filename, "num_bytes": num_bytes}, format="json")
    assert answer.status_code == 201, answer.content
    return answer.json()


def send(client: APIClient, url: str, offset: int | str, part: bytes) -> Any:
    headers = {"Upload-Offset": str(offset)}
    return client.patch(url, part, content_type="application/octet-stream", headers=headers)
