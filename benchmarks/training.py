"""Samples into a training loop: torch's DataLoader over our stream and cache, beside other clients and local formats."""

import json
import subprocess
from typing import Any

from benchmarks import client
from benchmarks.corpus import Run, text_fields
from benchmarks.http import STREAM
from benchmarks.installation import DATASET
from benchmarks.processes import ROOT
from benchmarks.serving import Serving, serving
from benchmarks.timing import Candidate, table

WORKERS = (0, 2)
OURS = "Themis: live stream"


def run(bench: Run) -> None:
    """Write the local copies, see that all have the same samples, then measure and print."""
    if not bench.trainer.exists():
        print(f"Training: not measured, for there is no {bench.trainer}; make test-client installs one")
        return
    with serving(bench, "training") as themis:
        loops = _Loops(bench, themis)
        loops.check()
        for num_workers in WORKERS:
            loops.measure(num_workers)


class _Loops:
    """Every way by its name, each epoch in a process of its own: what one leaves behind is not the next one's."""

    def __init__(self, bench: Run, themis: Serving) -> None:
        self._bench = bench
        instruction, output = text_fields(themis.version)
        query: dict[str, Any] = {
            "dataset": DATASET,
            "field_mapping": {"instruction_field": instruction, "input_field": "", "output_field": output},
            "include_metadata": False,
            "quality_filters": {"skip_empty_outputs": False},
        }
        lines = bench.folder / "training.jsonl"
        with lines.open("wb") as file:
            for line in client.lines(themis.port, "POST", STREAM, query, themis.token):
                file.write(line)
        copies = bench.folder / "copies"
        copies.mkdir()
        self._num_bytes = lines.stat().st_size
        self._source = json.dumps(
            {
                "url": f"http://{client.HOST}:{themis.port}",
                "token": themis.token,
                "query": query,
                "lines": str(lines),
                "folder": str(copies),
            }
        )
        self._ask("copy")
        self._names: list[str] = self._ask("names")

    def check(self) -> None:
        """All ways lead to the same samples."""
        found = {name: self._ask("digest", name) for name in self._names}
        for name, digest in found.items():
            if digest != found[OURS]:
                raise SystemExit(f"{name} has other samples than {OURS}: {digest} and {found[OURS]}.")

    def measure(self, num_workers: int) -> None:
        """Print the table of all ways with so many workers."""
        candidates = [Candidate(name, lambda: 0, num_bytes=self._num_bytes) for name in self._names]
        counts = set()
        for number in range(-1, self._bench.rounds):
            for candidate in candidates:
                done = self._ask("run", candidate.name, num_workers)
                counts.add(done["num_samples"])
                if number >= 0:
                    candidate.seconds.append(done["seconds"])
        if len(counts) != 1:
            raise SystemExit(f"Not every loop had all samples: {counts}")
        title = f"Training: an epoch of batches of 32, {num_workers} workers"
        print(table(title, candidates, num_samples=counts.pop()))

    def _ask(self, what: str, name: str = "", num_workers: int = 0) -> Any:
        command = [str(self._bench.trainer), "-W", "ignore", "-m", "benchmarks.loops", what, self._source]
        command += ["--name", name, "--workers", str(num_workers)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{name or what} failed:\n{done.stderr[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1])
