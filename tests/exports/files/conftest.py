"""What the tests of files share."""

from exports.models import FileExport


def content(export: FileExport) -> dict[str, bytes]:
    """An export's files as they are stored."""
    return {ref.name: ref.artifact.path.read_bytes() for ref in export.refs()}
