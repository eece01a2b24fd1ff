"""What the tests of artifacts share."""

import hashlib
import os
import time
from pathlib import Path

from django.db import transaction

from themis_admin.accounts.models import User
from themis_admin.artifacts import services as artifacts
from themis_admin.artifacts.models import Artifact

CONTENT = b"the same bytes"


def kept(owner: User, keeper: str, folder: Path, content: bytes = CONTENT) -> Artifact:
    """A file with this content, published and kept."""
    file = folder / "file"
    file.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    artifacts.publish(file, digest=digest)
    with transaction.atomic():
        return artifacts.keep(
            digest=digest,
            num_bytes=len(content),
            content_type="text/plain",
            name="file.txt",
            keeper=keeper,
            owner=owner,
        )


def aged(artifact: Artifact) -> None:
    """Let the time of grace after publishing pass."""
    past = time.time() - artifacts.GRACE.total_seconds() - 60
    os.utime(artifact.path, (past, past))
