"""The only place that opens DuckDB: confined to the folders it is given, with its settings locked."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection as Connection
from duckdb import DuckDBPyRelation as Relation
from duckdb import Error

from themisdb_datasets.errors import ImpossibleError, MalformedError

__all__ = [
    "Connection",
    "DuckLimits",
    "Error",
    "Relation",
    "batches",
    "connect",
    "read_database",
    "write_database",
]

# Of the files that are written: from here on long texts can be compressed. DuckDB 1.2 and later read it.
STORAGE_VERSION = "v1.2.0"


@dataclass(frozen=True)
class DuckLimits:
    """What one connection may use; `temp_directory` is where it spills, None forbids spilling."""

    memory: str = "1GB"
    threads: int = 2
    temp_directory: Path | None = None


@contextmanager
def connect(directories: Sequence[Path], *, limits: DuckLimits | None = None) -> Iterator[Connection]:
    """A locked connection that can read the given folders and files and nothing else; closed at the end of the block.

    Errors that come from what a user wrote (a bad regular expression, a value out of range) leave as MalformedError,
    running out of memory as ImpossibleError.
    """
    with _opened(directories, limits or DuckLimits(), "") as connection:
        yield connection


@contextmanager
def write_database(
    path: Path, directories: Sequence[Path], *, limits: DuckLimits | None = None
) -> Iterator[Connection]:
    """A locked connection to a new database file, complete when the block ends; it reads the given folders."""
    attached = f"ATTACH {_quote(str(path))} AS file (STORAGE_VERSION '{STORAGE_VERSION}')"
    with _opened(directories, limits or DuckLimits(), attached) as connection:
        yield connection
        connection.execute("CHECKPOINT file")


@contextmanager
def read_database(
    path: Path, directories: Sequence[Path] = (), *, limits: DuckLimits | None = None
) -> Iterator[Connection]:
    """A locked connection to a database file that is only read, and to the given folders."""
    attached = f"ATTACH {_quote(str(path))} AS file (READ_ONLY)"
    with _opened(directories, limits or DuckLimits(), attached) as connection:
        yield connection


def batches(found: Relation | Connection, *, rows: int) -> pa.RecordBatchReader:
    """What a query finds, so many rows at a time."""
    if hasattr(found, "to_arrow_reader"):
        return found.to_arrow_reader(rows)
    return found.fetch_record_batch(rows)  # its name before DuckDB 1.5


@contextmanager
def _opened(directories: Sequence[Path], limits: DuckLimits, attached: str) -> Iterator[Connection]:
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": limits.memory,
        "threads": limits.threads,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    connection = duckdb.connect(":memory:", config=config)
    try:
        if attached:
            connection.execute(attached)
            connection.execute("USE file")
        paths = [path.resolve() for path in directories]
        allowed = [_quote(f"{path}/") for path in paths if not path.is_file()]
        files = [_quote(str(path)) for path in paths if path.is_file()]
        # What may be read, then nothing else, then no way back: a locked connection takes no further SET. The
        # order matters, for no folder can be allowed any more once access is off.
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET temp_directory = {_quote(str(limits.temp_directory or ''))}")
        connection.execute(f"SET allowed_directories = [{', '.join(allowed)}]")
        connection.execute(f"SET allowed_paths = [{', '.join(files)}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException) as error:
        raise MalformedError(_first_line(error), code="bad_query") from error
    except duckdb.OutOfMemoryException as error:
        raise ImpossibleError(
            f"This needs more than the {limits.memory} of memory that a query may use; narrow the filter.",
            code="query_too_large",
        ) from error
    finally:
        connection.close()


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
