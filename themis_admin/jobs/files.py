"""Files that belong to a job."""

from pathlib import Path

from django.conf import settings

from themisdb_datasets.artifacts import place_file


def keep_rejects(job_id: int, file: Path) -> None:
    """Keep the lines a job rejected, before its version is published, so that both can be seen together."""
    if file.exists() and file.stat().st_size:
        place_file(file, rejects_path(job_id))


def rejects_path(job_id: int) -> Path:
    """Where the lines that a job rejected are kept, one JSON object a line; no file when there is none."""
    return Path(settings.THEMIS.data_dir) / "rejects" / f"{job_id}.jsonl"
