"""Files that belong to a job."""

from pathlib import Path

from django.conf import settings


def rejects_path(job_id: int) -> Path:
    """Where the lines that a job rejected are kept, one JSON object a line; no file when there is none."""
    return Path(settings.THEMIS.data_dir) / "rejects" / f"{job_id}.jsonl"
