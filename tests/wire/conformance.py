"""`make conformance`: every case of the Autobahn test suite, driven by kosoku, against parked connections, plain and through TLS.

Prints the counts of each state; docs/conformance.md is made when the whole suite was run in all of them (one after the other
will do: results wait in .make). Exit code 1 when a case failed or is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from kosoku import FailureError, run_fuzzingclient

from tests.wire.echo import certificate, echo

CASES = 517
STATES = ("plain", "tls")
ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / "docs" / "conformance.md"
RESULTS = ROOT / ".make"
GOOD = ("OK", "NON-STRICT", "INFORMATIONAL")
GOOD_CLOSE = ("OK", "INFORMATIONAL")
COLUMNS = (*GOOD, "UNIMPLEMENTED", "FAILED", "ERROR")


@dataclass(frozen=True)
class Verdict:
    """What one case came to."""

    case: str
    behavior: str
    closing: str
    why: str
    duration_ms: int

    @property
    def passed(self) -> bool:
        return self.behavior in GOOD and self.closing in GOOD_CLOSE


@contextlib.contextmanager
def endpoint(state: str) -> Iterator[int]:
    """The port at which the suite finds the endpoint in that state."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        if state == "plain":
            with echo(directory) as process:
                yield process.port
            return
        files = certificate(directory)
        with echo(directory, files) as process:
            arguments = [sys.executable, "-m", "tests.wire.tls_forward", str(process.port), str(files[0])]
            forward = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert forward.stdin is not None
            assert forward.stdout is not None
            try:
                yield int(forward.stdout.readline())
            finally:
                forward.stdin.close()
                forward.wait(10)
                forward.stdout.close()


def run(state: str, cases: list[str] | None = None) -> list[Verdict]:
    """Runs cases (ids or globs; None: all) in one state.

    Many cases have a clock of their own, which a busy machine may beat: what fails is run once more, alone, and that counts.
    """
    with endpoint(state) as port:
        verdicts = asyncio.run(drive(port, cases, 2))
        failed = [verdict.case for verdict in verdicts if not verdict.passed]
        if failed:
            print(f"{state}: once more: {', '.join(failed)}", flush=True)
            again = {verdict.case: verdict for verdict in asyncio.run(drive(port, failed, 1))}
            verdicts = [again.get(verdict.case, verdict) for verdict in verdicts]
        return verdicts


async def drive(port: int, cases: list[str] | None, concurrency: int) -> list[Verdict]:
    """Has the suite run the cases against a port."""
    try:
        results = await run_fuzzingclient(f"127.0.0.1:{port}", cases, None, concurrency=concurrency)
    except FailureError as failure:
        results = failure.results
    return [
        Verdict(
            result.case_id,
            result.behavior.value,
            result.behavior_close.value,
            f"{result.result} {result.result_close}",
            result.duration,
        )
        for result in results
    ]


def page(runs: dict[str, list[Verdict]]) -> str:
    """docs/conformance.md."""
    lines = [
        "# Conformance",
        "",
        f"All {CASES} cases of the Autobahn test suite, driven by kosoku {version('kosoku')} against",
        "`grandstand serve --conformance-echo`; this page is made by `make conformance`. A connection is in the native table",
        "from its first byte to its last, so there is one state machine; *tls* is the same table behind the in-process TLS pump.",
        "",
        f"| state | cases | {' | '.join(COLUMNS)} | clean closes |",
        f"|---|{'---|' * (len(COLUMNS) + 2)}",
    ]
    for state, verdicts in runs.items():
        counts = Counter(verdict.behavior for verdict in verdicts)
        closed = sum(verdict.closing in GOOD_CLOSE for verdict in verdicts)
        figures = " | ".join(str(counts[column]) for column in COLUMNS)
        lines.append(f"| {state} | {len(verdicts)} | {figures} | {closed} |")
    lines += ["", "Not simply OK:", ""]
    for state, verdicts in runs.items():
        for verdict in verdicts:
            if verdict.behavior != "OK" or verdict.closing != "OK":
                lines.append(f"- {state} {verdict.case}: {verdict.behavior}, closing {verdict.closing}. {verdict.why}")
    return "\n".join(lines) + "\n"


def keep(runs: dict[str, list[Verdict]]) -> None:
    """Stores whole runs, and makes the page when there is one of each state."""
    for state, verdicts in runs.items():
        (RESULTS / f"conformance-{state}.json").write_text(json.dumps([asdict(verdict) for verdict in verdicts]))
    paths = {state: RESULTS / f"conformance-{state}.json" for state in STATES}
    if all(path.exists() for path in paths.values()):
        stored = {state: [Verdict(**entry) for entry in json.loads(path.read_text())] for state, path in paths.items()}
        TARGET.write_text(page(stored))


def main() -> int:
    parser = argparse.ArgumentParser(description="Autobahn's cases against parked connections")
    parser.add_argument("--state", choices=STATES, action="append", help="default: every state")
    parser.add_argument("--case", action="append", help="id or glob, may be repeated; default: the whole suite")
    parser.add_argument("--slowest", type=int, default=0, help="print that many of the slowest cases")
    given = parser.parse_args()
    runs = {}
    for state in given.state or STATES:
        began = time.monotonic()
        verdicts = runs[state] = run(state, given.case)
        counts = Counter(verdict.behavior for verdict in verdicts)
        print(
            f"{state}: {len(verdicts)} cases in {time.monotonic() - began:.0f} s:",
            ", ".join(f"{counts[column]} {column}" for column in COLUMNS if counts[column]),
            flush=True,
        )
        for verdict in sorted(verdicts, key=lambda verdict: -verdict.duration_ms)[: given.slowest]:
            print(f"  {verdict.case}: {verdict.duration_ms} ms")
        for verdict in verdicts:
            if not verdict.passed:
                print(f"  {verdict.case}: {verdict.behavior}, closing {verdict.closing}: {verdict.why}")
    whole = given.case is None
    if whole:
        keep(runs)
    passed = all(verdict.passed for verdicts in runs.values() for verdict in verdicts)
    complete = not whole or all(len(verdicts) == CASES for verdicts in runs.values())
    return 0 if passed and complete else 1


if __name__ == "__main__":
    sys.exit(main())
