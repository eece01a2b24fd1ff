"""Columns and sample ids, made in a process of its own beside the decoding, which holds Python's interpreter lock.

The two share nothing but the shard's unfinished files. Requests and answers are JSON over a pipe; the process ends when
its pipe does, and so with whoever started it, or when nothing is asked for a while.
"""

import os
import subprocess
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from themisdb_datasets.engine.shards import shard
from themisdb_datasets.engine.shards.columns import ColumnLayout, ColumnsWriter, SampleRows
from themisdb_datasets.engine.shards.scratch import SPANS, Stretch, read_spans
from themisdb_datasets.engine.shards.shard import map_file
from themisdb_datasets.errors import ServerError, ThemisError

IDLE_SECONDS = 60.0


class Open(msgspec.Struct, tag=True):
    """Begin the columns of the shard in `folder` anew; its spans lie in `scratch`, in the order of `places`."""

    folder: str
    scratch: str
    layout: ColumnLayout
    places: list[int]


class Write(msgspec.Struct, tag=True):
    """Append the samples of these neighbouring stretches as one row group."""

    stretches: list[Stretch]


class Close(msgspec.Struct, tag=True):
    """Finish the file."""


class ColumnsAnswer(msgspec.Struct):
    """One a request, in their order; `error` says what went wrong, `errno` what the system called it."""

    error: str | None = None
    errno: int | None = None


ColumnsRequest = Open | Write | Close
REQUEST = msgspec.json.Decoder(ColumnsRequest)
ANSWER = msgspec.json.Decoder(ColumnsAnswer)


class ColumnsProcessEndedError(ServerError):
    """The process was ended by somebody else; most often by the system, which had no memory left."""

    code = "out_of_memory"


class ColumnsProcess:
    """The process as seen from outside: requests go in, and as many answers come out."""

    def __init__(self) -> None:
        self._pipe, theirs = Pipe()
        # The other process has to find this very package, however this one found it.
        root = str(Path(__file__).resolve().parents[1])
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        # Started anew and not forked: threads of Arrow do not survive a fork. Our copy of its end is closed,
        # so that the pipe ends with it.
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
            )
        self.waiting = 0  # requests without an answer

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: ColumnsRequest) -> None:
        """Send a request; its answer is read later."""
        try:
            self._pipe.send_bytes(msgspec.json.encode(request))
        except OSError as error:
            raise self._died() from error
        self.waiting += 1

    def settle(self, *, most: int, seconds: float | None = 0) -> None:
        """Read answers until at most so many are missing, or none came for so long.

        One that is an error: OSError with the system's number for it, or RuntimeError.
        """
        while self.waiting > most and self._pipe.poll(seconds):
            try:
                answer = ANSWER.decode(self._pipe.recv_bytes())
            except (EOFError, OSError) as error:
                raise self._died() from error
            self.waiting -= 1
            if answer.errno is not None:
                raise OSError(answer.errno, os.strerror(answer.errno), shard.COLUMNS)
            if answer.error is not None:
                raise RuntimeError(f"The columns could not be written.\n{answer.error}")

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self._pipe.close()
        self._process.kill()
        self._process.wait()

    def _died(self) -> ColumnsProcessEndedError:
        code = self._process.wait()
        return ColumnsProcessEndedError(
            f"The process that writes columns was ended (exit code {code}), most likely because the machine had no memory"
            " left. Give the worker more memory, then retry the job."
        )


def serve(pipe: Connection) -> None:
    """Do what is asked for, until the pipe stays silent; EOFError or OSError where it ends, with whoever asked."""
    writer: _Writer | None = None
    # With a file begun it waits as long as the builder takes; a builder that is gone ends the pipe.
    while pipe.poll(IDLE_SECONDS if writer is None else None):
        request = REQUEST.decode(pipe.recv_bytes())
        answer = ColumnsAnswer()
        try:
            writer = _done(request, writer)
        except (ThemisError, OSError, ValueError, MemoryError, pa.ArrowException) as error:
            answer = ColumnsAnswer(
                traceback.format_exc(), error.errno if isinstance(error, OSError) else None
            )
        pipe.send_bytes(msgspec.json.encode(answer))


def _done(request: ColumnsRequest, writer: "_Writer | None") -> "_Writer | None":
    match request:
        case Open():
            if writer is not None:
                writer.columns.abandon()
            return _Writer(request)
        case Write():
            assert writer is not None  # a file is opened first
            writer.write(request.stretches)
            return writer
        case Close():
            assert writer is not None
            writer.columns.close()
            return None


class _Writer:
    """The columns of one shard."""

    def __init__(self, opened: Open) -> None:
        self.folder = Path(opened.folder)
        self.scratch = Path(opened.scratch)
        self.places = np.array(opened.places, np.int64)
        self.columns = ColumnsWriter(self.folder / shard.COLUMNS, opened.layout)

    def write(self, stretches: list[Stretch]) -> None:
        first, num = stretches[0].first, stretches[-1].last - stretches[0].first
        locations = np.fromfile(self.folder / shard.LOCATIONS, np.uint64, num * 3, offset=first * 24)
        starts, sizes = locations.reshape(num, 3)[:, 1:].T.astype(np.int64)
        self.columns.write(
            SampleRows(
                buffer=map_file(self.folder / shard.SAMPLES),
                starts=starts,
                ends=starts + sizes - 1,
                spans=read_spans(self.scratch / SPANS, stretches, self.places),
            )
        )


if __name__ == "__main__":
    with Connection(int(sys.argv[1])) as pipe_, suppress(EOFError, OSError):
        serve(pipe_)
