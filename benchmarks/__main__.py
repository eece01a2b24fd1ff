"""`python -m benchmarks`: every speed claim, measured side by side on this machine."""

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks import access, browse, http, ingest, order, stream, tokens, training
from benchmarks.corpus import Run, unpacked

TRAINER = Path(".venv-client/bin/python")
PARTS = {
    "ingest": ingest.run,
    "index": access.run_index,
    "access": access.run_access,
    "tokens": tokens.run,
    "browse": browse.run,
    "order": order.run,
    "stream": stream.run,
    "http": http.run,
    "training": training.run,
}


def main() -> None:
    """Run the parts asked for, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"which of {', '.join(PARTS)}; all by default"
    )
    parser.add_argument(
        "--corpus", type=Path, help="a .jsonl file, or one packed as .zst or .gz; by default 100 MB demo"
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each candidate is measured (5)")
    parser.add_argument(
        "--port", type=int, default=8150, help="the first of three free ports on 127.0.0.1 (8150)"
    )
    parser.add_argument(
        "--trainer",
        type=Path,
        default=TRAINER,
        help="a Python with torch, for training (.venv-client/bin/python)",
    )
    options = parser.parse_args()
    if unknown := sorted(set(options.parts) - set(PARTS)):
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if options.corpus is not None and not options.corpus.is_file():
        parser.error(f"{options.corpus} is not there")
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="themis-bench-") as name:
        corpus = unpacked(options.corpus, Path(name))
        run = Run(corpus, Path(name), rounds=options.rounds, port=options.port, trainer=options.trainer)
        for part in options.parts or PARTS:
            PARTS[part](run)
            print(flush=True)
    print(f"{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
