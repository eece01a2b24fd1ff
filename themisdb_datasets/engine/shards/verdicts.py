"""What an ingest would say of single lines, without making anything of them."""

from themisdb_datasets.engine.shards.spans import FieldTable
from themisdb_datasets.engine.sources.jsonl import MAX_LINE_BYTES, LineScanner, Reject


def verdict(line: bytes, *, max_line_bytes: int = MAX_LINE_BYTES, key: str = "") -> Reject | None:
    """Why these bytes are no sample, or None where they are one; with `key`, a sample has this field.

    They are one line: with an LF inside, or without anything but white space, ValueError.
    """
    if b"\n" in line or not line.strip():
        raise ValueError("exactly one line that is not blank")
    scanner = LineScanner(iter([line + b"\n"]), max_line_bytes=max_line_bytes)
    for block in scanner.blocks():
        rejects = block.rejects or FieldTable(key).check(block, 0, len(block)).rejects
        for reject in rejects:
            return reject
    return None
