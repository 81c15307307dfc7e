"""`python -m loadtest.swarm`: a crowd of viewers against any gateway, spread over processes, counted and timed.

Ends with exit code 1 when a viewer saw a gap, a duplicate or a broken frame, or could not connect.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any
from urllib.parse import quote, urlsplit

from loadtest.fleet import VIEWERS_PER_PROCESS, Fleet

BAD = ("gaps", "duplicates", "violations", "malformed", "strays", "connect_failures")


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.swarm", description=__doc__)
    parser.add_argument("--url", default="ws://127.0.0.1:8080/v1/live", help="the gateway's live address")
    parser.add_argument("--channel", default="match:1", help="channel; {n} is replaced by 0 … numbers-1")
    parser.add_argument("--numbers", type=int, default=1, help="how many channels {n} stands for")
    parser.add_argument("--viewers", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2000.0, help="new connections a second, 0: as fast as can be")
    parser.add_argument("--duration", type=float, default=30.0, help="seconds after all are connected")
    parser.add_argument("--sse", action="store_true", help="event streams instead of WebSockets")
    parser.add_argument("--msgpack", action="store_true", help="MessagePack instead of JSON")
    parser.add_argument("--deflate", action="store_true", help="offer permessage-deflate")
    parser.add_argument("--slow", type=float, default=0.0, help="share of viewers that do not read (0 … 1)")
    parser.add_argument("--retry-ms", type=int, nargs=2, default=(1000, 30_000), metavar=("FIRST", "LONGEST"))
    parser.add_argument("--token", default="", help="sent as Authorization: Bearer")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    return parser.parse_args(argv)


def options_of(asked: argparse.Namespace) -> tuple[str, int, str, dict[str, Any]]:
    """Host, port, path and the further options of `Fleet.connect`."""
    parts = urlsplit(asked.url)
    channel = quote(asked.channel, safe=":{}")
    headers = {"Authorization": f"Bearer {asked.token}"} if asked.token else {}
    if asked.sse:
        path = f"/v1/channels/{channel}/stream"
    else:
        path = f"{parts.path or '/v1/live'}?channel={channel}"
        encoding = "msgpack" if asked.msgpack else "json"
        headers["Sec-WebSocket-Protocol"] = f"grandstand.v1.{encoding}"
        if asked.deflate:
            headers["Sec-WebSocket-Extensions"] = "permessage-deflate"
    options = {
        "headers": headers,
        "channel": asked.channel,
        "numbers": (0, asked.numbers),
        "rate_per_s": asked.rate,
        "transport": "sse" if asked.sse else "ws",
        "retry_ms": tuple(asked.retry_ms),
    }
    return parts.hostname or "127.0.0.1", parts.port or 80, path, options


def main(argv: list[str] | None = None) -> int:
    """Runs the crowd; the exit code."""
    asked = arguments(argv)
    processes = max(asked.processes, -(-asked.viewers // VIEWERS_PER_PROCESS))
    host, port, path, options = options_of(asked)
    with Fleet(processes, -(-asked.viewers // processes)) as fleet:
        fleet.connect(host, port, path, asked.viewers, **options)
        opening_s = fleet.wait_open(60 + asked.viewers / max(asked.rate, 500))
        if asked.slow:
            fleet.pause(asked.slow)
        fleet.reset_latency()
        time.sleep(asked.duration)
        summary = {"viewers": asked.viewers, "processes": processes, "opening_s": round(opening_s, 3)}
        summary |= fleet.summary()
        summary["versions"] = len(fleet.versions())
    bad = {name: summary[name] for name in BAD if summary[name]}
    if asked.json:
        print(json.dumps(summary))
    else:
        latency = summary["latency"]
        print(f"{asked.viewers} viewers open in {opening_s:.2f} s, {summary['messages']} messages")
        print(
            f"publish to delivered: p50 {latency['p50_ms']} ms, p99 {latency['p99_ms']} ms, max {latency['max_ms']} ms"
        )
        print(f"lost {summary['lost']}, resumed {summary['resumed']}, replaced by a snapshot {summary['replaced']}")
        print("bad: " + (", ".join(f"{name} {count}" for name, count in bad.items()) or "nothing"))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
