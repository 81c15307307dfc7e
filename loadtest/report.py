"""`python -m loadtest.report`: makes the tables and plots of docs/performance.md from the latest results; words stay.

A table stands between `<!-- table: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtest import page_tables
from loadtest.plots import draw
from loadtest.results import read_latest

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

OUTDATED = "Not measured since its figures are others"

CHECKED = "| check | measured | limit | |"

Result = dict[str, Any]

STEPS = ("read", "decode", "fold", "view", "encode", "step", "send", "wake", "watch", "other")
"""Of an event's way, in its order; what is kept is sorted by name. Results from before the native step have its parts."""


def main(argv: list[str] | None = None) -> int:
    """Writes the document, or (`--check`) says whether it is up to date."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.report", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 when the tables are old")
    asked = parser.parse_args(argv)
    latest = read_latest()
    made = {DOCUMENT: render(DOCUMENT.read_text(), latest), **draw(latest)}
    if asked.check:
        return 0 if all(path.exists() and path.read_text() == text for path, text in made.items()) else 1
    for path, text in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return 0


def render(document: str, latest: dict[str, Result]) -> str:
    """The document with its tables made anew; a scenario that was never measured says so, or only as it once was."""

    def table(match: re.Match[str]) -> str:
        name = match[2]
        source = "openings" if name == "memory" else name
        try:
            rows = TABLES[name](latest[source]) if source in latest else ["Not measured yet."]
        except KeyError as missing:
            # What it measures has changed since; that must not keep the tables of the others from being made.
            rows = [f"{OUTDATED}: `{missing.args[0]}` is missing."]
        return match[1] + "\n".join(rows) + "\n" + match[3]

    return PLACE.sub(table, document)


def figures(result: Result) -> str:
    """A stored result's table as the document has it, without its checks."""
    rows = TABLES[result["scenario"]](result)
    return "\n".join(rows[: rows.index(CHECKED)]).strip("\n")


def _origin(result: Result) -> list[str]:
    machine = result["machine"]
    place = f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gb']} GB, {machine['system']}"
    return [
        "",
        f"{result['date'][:10]}, {place}, Python {machine['python']}, commit {machine['commit']}; "
        f"`{result['command']}`; load before: {machine['load_before']}.",
    ]


def _checks(result: Result) -> list[str]:
    rows = ["", CHECKED, "|---|---:|---:|---|"]
    for check in result["checks"]:
        rows.append(
            f"| {check['name']} | {check['value']} | {'≥' if check.get('at_least') else '≤'} {check['limit']} "
            f"| {'held' if check['passed'] else '**missed**'} |"
        )
    return rows


WAYS = {
    "floor": "C loop of `send()`",
    "fanout": "Grandstand's fan-out",
    "picows": "picows, loop over transports",
    "ws": "npm `ws`, loop over clients",
    "websockets": "PyPI `websockets`, its `broadcast`",
}


def _fanout(result: Result) -> list[str]:
    rows = [
        "| viewers | way | CPU µs a delivered frame | against the floor | user bytes a viewer |",
        "|---:|---|---:|---:|---:|",
    ]
    for size in result["sizes"]:
        for way, name in WAYS.items():
            if way not in size:
                continue
            found = size[way]
            if way == "fanout":
                low, _, high = size["ratio_quartiles"]
                ratio = f"{size['ratio']:.3f} ({low:.3f} to {high:.3f})"
            else:
                ratio = f"{found['cpu_us_per_frame'] / size['floor']['cpu_us_per_frame']:.2f}"
            memory = f"{found['bytes_per_viewer']:,.0f}" if "bytes_per_viewer" in found else "–"
            rows.append(f"| {size['viewers']:,} | {name} | {found['cpu_us_per_frame']:.2f} | {ratio} | {memory} |")
    return rows + _checks(result) + _origin(result)


def _openings(result: Result) -> list[str]:
    names = {
        "floor": "C loop of `accept()`, `recv()`, `send()`",
        "token": "Grandstand, token checked",
        "open": "Grandstand, no token",
        "ws": "npm `ws`",
        "picows": "picows",
        "websockets": "PyPI `websockets`",
    }
    rows = [
        "| server, one process | a second, median (best) | against the floor | CPU µs an opening | the floor's against it |",
        "|---|---:|---:|---:|---:|",
    ]
    for way, name in names.items():
        found = result["servers"][way]
        rows.append(
            f"| {name} | {found['per_s']:,} ({found['per_s_best']:,}) | {found['per_s_share']:.2f} | {found['cpu_us']:.1f} "
            f"| {found['floor_share']:.2f} |"
        )
    return rows + _checks(result) + _origin(result)


def _memory(result: Result) -> list[str]:
    names = {"token": "Grandstand", "ws": "npm `ws`", "picows": "picows", "websockets": "PyPI `websockets`"}
    rows = ["| server | user bytes a connection | kernel bytes of its two ends |", "|---|---:|---:|"]
    for way, name in names.items():
        found = result["servers"][way]
        rows.append(f"| {name} | {found['user_bytes']:,} | {found['kernel_bytes']:,} |")
    return rows + _origin(result)


def _storm(result: Result) -> list[str]:
    rows = [
        f"| storm of {result['crowd']:,} | all served after (s) | CPU µs an opening | p50 of the others (ms) | p99 | max |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for number, storm in enumerate(result["storms"], start=1):
        late = storm["others"]
        rows.append(
            f"| {number} | {storm['served_s']} | {storm['workers_cpu_us_per_opening']} | {late['p50_ms']:.1f} "
            f"| {late['p99_ms']:.1f} | {late['max_ms']:.1f} |"
        )
    return rows + _checks(result) + _origin(result)


def _churn(result: Result) -> list[str]:
    first, last = result["samples"][1], result["samples"][-1]
    rows = [f"| | after {first['connections']:,} | after all |", "|---|---:|---:|"]
    for name in ("descriptors", "native_connections", "native_buffers", "native_subscriptions", "native_frames"):
        rows.append(f"| {name.replace('_', ' ')} | {first[name]:,} | {last[name]:,} |")
    rows.append(f"| private memory (KB) | {first['bytes'] // 1024:,} | {last['bytes'] // 1024:,} |")
    rows += ["", f"{result['connections']:,} connections, {result['per_s']:,} a second."]
    return rows + _checks(result) + _origin(result)


WRITTEN = {"picows": "picows", "websockets": "PyPI `websockets`"}


def _crowds(result: Result) -> list[str]:
    place = f"{result['channels']:,} channels, {result['viewers']:,} viewers"
    rows = _latencies([(f"{place}, {rate['events_per_s']:,.0f} events/s", rate["latency"]) for rate in result["rates"]])
    rows += ["", "| events a second | CPU µs a delivered frame | of the C loop's | cores |", "|---:|---:|---:|---:|"]
    for rate in result["rates"]:
        rows.append(f"| {rate['events_per_s']:,.0f} | {rate['cpu_us']} | {rate['ratio']} | {rate['cores']} |")
    for peer in result["peers"]:
        name = f"{peer['events_per_s']:,.0f}, a gateway by hand on {WRITTEN[peer['name']]}"
        rows.append(f"| {name} | {peer['cpu_us']} | {peer['ratio']} | {peer['cores']} |")
    rows += ["", "| of one event with its three frames, at the last rate | µs |", "|---|---:|"]
    taken = result["steps_us_per_event"]
    rows += [f"| {name} | {taken[name]} |" for name in STEPS if name in taken]
    facts = [
        "",
        f"The C loop takes {result['floor_us']} µs a frame; *send* is three of them. *read* (the store's reply) and "
        "*step* (from the entry's bytes to the frame: decode, rules, fold, view, encode) are timed alone, over as many channels.",
    ]
    if "wake" in taken:
        facts.append(
            f"*wake* is what the same C loop takes more ({result['paced_floor_us']} µs a frame) when it sends as many frames a "
            "second as events need, in the publisher's bursts: its readers have gone to sleep meanwhile, and are woken. "
            "*watch* is what the worker takes for its channels when "
            f"nothing happens ({result['quiet_cores']} cores: beats, the reads that confirm histories, presence, the loop's "
            "own watch)."
        )
    facts.append(
        "*other* is the rest: the loop's turns, the store's wake-ups, pacing, statuses, the collections. "
        f"{result['bytes_per_channel'] / 1024:.1f} KB of memory for each channel with its viewers."
    )
    return rows + facts + _checks(result) + _origin(result)


def _latencies(rows: list[tuple[str, Result]]) -> list[str]:
    table = ["| publish to delivered (ms) | p50 | p90 | p99 | p99.9 | max |", "|---|---:|---:|---:|---:|---:|"]
    for name, found in rows:
        cells = " | ".join(f"{found[key]:.1f}" for key in ("p50_ms", "p90_ms", "p99_ms", "p999_ms", "max_ms"))
        table.append(f"| {name} | {cells} |")
    return table


def _stadium(result: Result) -> list[str]:
    names = {"gateway": f"Grandstand, {result['servers']} workers", "floor": f"{result['servers']} C loops of `send()`"}
    rows = _latencies([(f"{name}, {result['viewers']:,} viewers", result[side]) for side, name in names.items()])
    rows += ["", "| p99 of each time (ms) | Grandstand | C loops | ratio |", "|---|---:|---:|---:|"]
    for number, one in enumerate(result["repeats"], start=1):
        rows.append(f"| {number} | {one['gateway']} | {one['floor']} | {one['gateway'] / one['floor']:.3f} |")
    rows += ["", "Ratio: {:.3f} at least, {:.3f} at the median, {:.3f} at most.".format(*result["ratio_spread"])]
    return rows + _checks(result) + _origin(result)


def _channels(result: Result) -> list[str]:
    name = f"{result['channels']:,} channels, {result['events_per_s']:,.0f} events/s, {result['viewers']:,} viewers"
    facts = [
        "",
        f"{result['workers']} workers together: {result['workers_cpu_us_per_event']:.0f} µs of CPU for each event "
        f"delivered, {result['workers_cores']} cores; {result['workers_bytes'] / result['channels'] / 1024:.1f} KB of "
        f"memory for each channel with its viewer. Loop: {result['loop_late_percent']} % of samples later than 5 ms, for "
        f"whatever reason; {result['loop_held_percent']} % as far as its own work explains it (p99.9 at most "
        f"{result['loop_held_p999_ms']:.0f} ms).",
    ]
    return _latencies([(name, result["latency"])]) + facts + _checks(result) + _origin(result)


def _slow(result: Result) -> list[str]:
    others = result["viewers"] - result["slow"]
    rows = _latencies(
        [
            (f"{others:,} viewers while {result['slow']} others read", result["reading"]),
            (f"the same while those read nothing for {result['pause_s']:.0f} s", result["paused"]),
        ]
    )
    facts = [
        "",
        f"A viewer that reads nothing holds {result['kernel_bytes_per_slow_viewer'] / 1024:.0f} KB in the kernel and "
        f"{result['user_bytes_per_slow_viewer']:,} bytes in the gateway. All were on the newest version "
        f"{max(result['catch_up_s'])} s after they read again; {result['conflated']:,} catch-up messages in "
        f"{len(result['catch_up_s'])} pauses.",
    ]
    return rows + facts + _checks(result) + _origin(result)


def _history(result: Result) -> list[str]:
    rows = ["", "| | rows a second, by round |", "|---|---:|"]
    rows.append(f"| the writer's transactions | {', '.join(f'{each:,}' for each in result['stored_rows_per_s'])} |")
    rows.append(f"| psql's \\copy of the same rows | {', '.join(f'{each:,}' for each in result['psql_rows_per_s'])} |")
    page = result["page_ms"]
    facts = [
        "",
        f"A page of a channel with {result['rows']:,} entries: {page['p50']} ms at the median, {page['p99']} ms at p99, "
        f"{page['max']} ms at most.",
    ]
    return rows + facts + _checks(result) + _origin(result)


def _outage(result: Result) -> list[str]:
    p99 = result["p99_ms"]
    rows = ["", "| publish to delivered | p99, ms |", "|---|---:|"]
    rows += [f"| the database {word} | {p99[key]:.0f} |" for key, word in
             (("up", "there"), ("down", f"away for {result['down_s']:.0f} s"), ("back", "back"))]  # fmt: skip
    facts = ["", f"{result['entries']:,} entries; the history was whole {result['caught_up_s']} s after the last."]
    return rows + facts + _checks(result) + _origin(result)


def _boards(result: Result) -> list[str]:
    counting, http, shown, calls = result["counting"], result["http"], result["shown"], result["calls_p99_ms"]
    kinds, searches = result["with_kinds"], result["searches"]
    rows = [
        "",
        "| one aggregator, boards and history on | four boards a metric | and four of further kinds |",
        "|---|---:|---:|",
    ]
    sides = (counting, kinds)
    cells = {
        "events a second, on the boards and in the history": [f"{side['per_s']:,}" for side in sides],
        "on the boards alone, while the history follows": [f"{side['boards_per_s']:,}" for side in sides],
        "a plain client that counts each event by calls of its own": [
            f"{result[key]:,}" for key in ("ceiling_per_s", "kinds_ceiling_per_s")
        ],
        "processor time of an event: aggregator, store (µs)": [
            f"{side['cpu_us_per_event']}, {side['store_cpu_us_per_event']}" for side in sides
        ],
    }
    rows += [f"| {name} | {' | '.join(values)} |" for name, values in cells.items()]
    facts = [
        "",
        f"The store would take {1e6 / counting['store_cpu_us_per_event']:,.0f} events a second of the very calls that the "
        "aggregator makes of them; what limits one process is its own folding, counting and storing.",
        "",
        f"A board of {result['members']:,} members, one call after the other, the way to the store and back included, p99: "
        f"update {calls['update']} ms, top 100 {calls['top 100']} ms, around a member {calls['around']} ms, "
        f"a hundred places of the index of members {calls['search']} ms. Over HTTP at "
        f"{http['per_s']:,.0f} reads a second: {http['p50_ms']} ms at the median, {http['p99_ms']} ms at p99, "
        f"{http['max_ms']} ms at most; at {searches['per_s']:,.0f} searches a second over the whole board "
        f"{searches['p50_ms']} ms at the median, {searches['p99_ms']} ms at p99. From an event "
        f"to the message at a viewer of its board, which comes once a second: "
        f"{shown['p50_ms']} ms at the median, {shown['p99_ms']} ms at p99.",
    ]
    return rows + facts + _checks(result) + _origin(result)


def _endurance(result: Result) -> list[str]:
    samples = result["samples"]
    half = samples[len(samples) // 2 :]
    facts = [
        "",
        f"{result['events']:,} events in {result['duration_s']:.0f} s. Private memory after a tenth, half and all of them: "
        f"{', '.join(_megabytes(samples[int(place * (len(samples) - 1))]) for place in (0.1, 0.5, 1.0))} MB; in the second "
        f"half at most {max(_megabytes(sample) for sample in half)} MB.",
    ]
    return facts + _checks(result) + _origin(result)


def _megabytes(sample: Result) -> str:
    return f"{sample['bytes'] / 1e6:.1f}"


def _matches(result: Result) -> list[str]:
    names = {
        "still": "nothing happens",
        "watched": "the viewers of each change every 5 s",
        "played": f"the same, and {result['events_per_s']:,.0f} events a second",
    }
    rows = ["", f"| {result['matches']:,} live matches | cores of the aggregator |", "|---|---:|"]
    rows += [f"| {name} | {result['cores'][key]:.3f} |" for key, name in names.items()]
    told = f"{result['told_per_s']:,} counts a second differ by enough to be told, each for {result['told_us']} µs"
    rows += ["", f"{told} of the aggregator; an event of play, one to a match, takes {result['played_us']} µs."]
    return rows + _checks(result) + _origin(result)


def _of_page(rows: Callable[[Result], list[str]]) -> Callable[[Result], list[str]]:
    return lambda result: rows(result) + _checks(result) + _origin(result)


TABLES: dict[str, Callable[[Result], list[str]]] = {
    **{name: _of_page(rows) for name, rows in page_tables.ROWS.items()},
    "fanout": _fanout,
    "deflated": _fanout,
    "openings": _openings,
    "stadium": _stadium,
    "channels": _channels,
    "slow": _slow,
    "memory": _memory,
    "storm": _storm,
    "churn": _churn,
    "crowds": _crowds,
    "history": _history,
    "boards": _boards,
    "endurance": _endurance,
    "matches": _matches,
    "outage": _outage,
}


if __name__ == "__main__":
    sys.exit(main())
