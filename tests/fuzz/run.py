"""`python -m tests.fuzz.run TARGET [--seconds N]`: fuzzes one target with atheris, from the corpus beside this file.

The twins' branches guide it; with native modules that are built for it (`make fuzz`, see fuzz.sh) theirs do, too, and the
sanitizers watch. What ends it is left in the working directory as crash-*: `python -m tests.fuzz.run TARGET --input FILE` runs it.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"
GROWN = CORPUS.parent.parent.parent / ".make" / "fuzz"
INSTRUMENTED = ["gateway.edge", "tests.native.twin", "tests.native.inflate_twin", "tests.native.opening_twin"]
LONGEST = {"frames": 1024, "requests": 2048, "extensions": 256, "closing": 512}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=LONGEST)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--input", type=Path, help="runs this one file instead")
    parser.add_argument(
        "--merge", action="store_true", help="adds to the corpus what of the grown reaches something new"
    )
    parser.add_argument("--grown", type=Path, default=GROWN, help="directory for what reaches something new")
    # A merge is done by processes that libFuzzer starts itself, with arguments of its own.
    given, inner = parser.parse_known_args()

    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.targets import TARGETS

    run = TARGETS[given.target]
    if given.input is not None:
        run(given.input.read_bytes())
        return 0
    corpus = CORPUS / given.target
    for path in sorted(corpus.iterdir()):
        run(path.read_bytes())
    grown = given.grown / given.target
    grown.mkdir(parents=True, exist_ok=True)
    arguments = [
        sys.argv[0],
        str(grown),
        str(corpus),
        f"-max_total_time={given.seconds}",
        f"-max_len={LONGEST[given.target]}",
        "-timeout=20",
        "-rss_limit_mb=0",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    if given.merge:
        command = f"{sys.executable} -m tests.fuzz.run {given.target} --merge --grown {given.grown}"
        limits = ["-merge=1", f"-max_len={LONGEST[given.target]}", "-rss_limit_mb=0"]
        arguments = [command, *(inner or [*limits, str(corpus), str(grown)])]
    elif inner:
        parser.error(f"not known: {' '.join(inner)}")
    atheris.Setup(arguments, run)
    if (shim := os.environ.get("GRANDSTAND_COVERAGE")) is not None:
        ctypes.CDLL(shim).gs_register_coverage()
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
