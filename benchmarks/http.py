"""HTTP: the stream of a real web process, beside a plain Django view and beside a bare loopback socket."""

import json
import shutil
import statistics
import time
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import client
from benchmarks.corpus import Run, text_fields
from benchmarks.installation import DATASET
from benchmarks.processes import MemoryWatch, cpu_seconds, module, rss_anon
from benchmarks.serving import serving
from benchmarks.timing import MEGA, Candidate, measure, ratio, table

STREAM = "/api/export/jsonl_llm/stream"
CHECKED = 2_000
STALLED = 16
CROWD = 50
STALL_SECONDS = 2.0


def run(bench: Run) -> None:
    """Start the three servers, check that the lines agree, then measure and print."""
    port = bench.port
    with serving(bench, "data") as themis:
        fields = text_fields(themis.version)
        themis.start(module("plain", str(port + 1), str(bench.corpus), *fields), "plain", port + 1)
        themis.start(module("raw", str(port + 2)), "raw", port + 2)
        servers = _Servers(themis.web, port, themis.token, fields, themis.data / "selections")
        servers.check()
        servers.first_bytes(bench.rounds)
        servers.throughput(bench.rounds)
        servers.crowd()
        servers.stalls()


class _Servers:
    """The measurements against running servers: Themis at `port`, the plain view at + 1, the bare socket at + 2."""

    def __init__(self, web: int, port: int, token: str, fields: list[str], selections: Path) -> None:
        self.web, self.port, self.token, self.selections = web, port, token, selections
        instruction, output = fields
        self.body: dict[str, Any] = {
            "dataset": DATASET,
            "field_mapping": {"instruction_field": instruction, "input_field": "", "output_field": output},
            "include_metadata": False,
            "quality_filters": {"skip_empty_outputs": False},
        }
        self.request = client.post(STREAM, self.body, token)
        # A selection that has to look at every output.
        first = {**self.body, "quality_filters": {"min_output_length": 1}, "limit": 100}
        self.first_request = client.post(STREAM, first, token)

    def check(self) -> None:
        """The lines say what the plain view's say, and there are as many."""
        ours = client.lines(self.port, "POST", STREAM, self.body, self.token)
        plain = client.lines(self.port + 1, "GET", "/stream", {}, "")
        for mine, theirs in islice(zip(ours, plain, strict=True), CHECKED):
            if {**json.loads(mine), "weight": 1.0} != json.loads(theirs):
                raise SystemExit("The stream's lines do not say what the plain view's say.")
        if sum(1 for _ in ours) != sum(1 for _ in plain):
            raise SystemExit("The stream has not as many lines as the plain view's.")

    def first_bytes(self, rounds: int) -> None:
        """Time to the first byte of the body, when the selection has to be built and when it is there."""
        cold, cached = [], []
        for _ in range(rounds):
            shutil.rmtree(self.selections, ignore_errors=True)
            cold.append(client.receive(self.port, self.first_request).first_byte)
            cached.append(client.receive(self.port, self.first_request).first_byte)
        print(f"First byte of a stream  ({rounds} rounds)")
        for name, seconds in (("the selection built first", cold), ("the selection cached", cached)):
            print(f"  {name:<46} {statistics.median(seconds) * 1000:>7,.0f} ms")
        for order in ("stored", "shuffled", "weighted"):
            client.receive(self.port, self._asking(order=order, limit=1))
            for start in (0, 50_000, 100_000):
                request = self._asking(order=order, start=start, limit=100)
                seconds = [client.receive(self.port, request).first_byte for _ in range(rounds)]
                name = f"{order} order from position {start:,}"
                print(f"  {name:<46} {statistics.median(seconds) * 1000:>7,.0f} ms")

    def _asking(self, **more: Any) -> bytes:
        return client.post(STREAM, {**self.body, **more}, self.token)

    def throughput(self, rounds: int) -> None:
        """Whole streams, one client, and what they cost in memory."""
        client.receive(self.port, self.first_request)
        before = rss_anon(self.web)
        ours = Candidate("Themis: the stream", lambda: client.receive(self.port, self.request).num_bytes)
        candidates = [
            ours,
            Candidate("Django view, json.dumps a row", partial(self._plain, rows=1)),
            Candidate("the same, 100 rows at a time", partial(self._plain, rows=100)),
            Candidate("bare loopback socket", lambda: client.receive_raw(self.port + 2, ours.num_bytes)),
        ]
        with MemoryWatch(self.web) as memory:
            measure(candidates, rounds=rounds)
        print(table("HTTP: whole streams to one client", candidates))
        growth = (memory.peak - before) / MEGA
        print(
            f"  {'anonymous memory over these streams':<46} {growth:>+7,.0f} MB at its peak, of {before / MEGA:,.0f} MB"
        )

    def _plain(self, rows: int) -> int:
        return client.receive(self.port + 1, client.get(f"/stream?rows={rows}")).num_bytes

    def crowd(self) -> None:
        """Many streams at once: what they get together, beside one alone, and the memory of the web process."""
        alone = Candidate("alone", lambda: client.receive(self.port, self.request).num_bytes)
        measure([alone], rounds=3)
        with MemoryWatch(self.web) as memory:
            together = Candidate("together", lambda: client.together(self.port, self.request, clients=CROWD))
            measure([together], rounds=1)
        print(f"{CROWD} streams at once")
        print(f"  {'all together':<46} {together.rate:>7,.0f} MB/s")
        print(f"  {'beside one stream alone':<46} {together.rate / alone.rate:>7.2f}x")
        print(f"  {'anonymous memory of the web process':<46} {memory.peak / MEGA:>7,.0f} MB at its peak")

    def stalls(self) -> None:
        """Clients that stop reading: their cost in memory and time, and the speed of one that reads beside them."""
        alone = Candidate("alone", lambda: client.receive(self.port, self.request).num_bytes)
        measure([alone], rounds=3)
        before = rss_anon(self.web)
        with client.stalled(self.port, self.request, clients=STALLED):
            time.sleep(STALL_SECONDS / 2)
            used = cpu_seconds(self.web)
            time.sleep(STALL_SECONDS)
            used = cpu_seconds(self.web) - used
            memory = (rss_anon(self.web) - before) / STALLED
            beside = Candidate("beside", lambda: client.receive(self.port, self.request).num_bytes)
            measure([beside], rounds=3)
        print(f"{STALLED} clients that stopped reading")
        print(f"  {'memory for each':<46} {memory / MEGA:>7.1f} MB")
        print(f"  {'processor time for all of them':<46} {used / STALL_SECONDS * 1000:>7.0f} ms a second")
        print(f"  {'speed of one that reads beside them':<46} {ratio(beside, alone):>6.2f}x of it alone")
