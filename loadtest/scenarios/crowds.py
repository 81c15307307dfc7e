"""Many channels of a few viewers each: what a delivered frame costs from the store's entry to the socket, all included.

One worker as an operator starts it, its own store; the floor is a C loop of send() over as many sockets. Beside it the steps
of one event are timed by themselves, over as many channels, so that their caches are as cold.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.edge.context import channel_limits
from gateway.edge.encoding import Encoder, Encoding
from gateway.model.audience import Audience
from gateway.model.channel import Channel, Folded
from gateway.model.entry import Entry
from gateway.model.messages import Delta
from gateway.model.version import Position, Version, mix
from gateway.model.view import View
from gateway.settings import Settings
from gateway.settings.tree import DeflateSettings
from loadtest.fleet import Fleet
from loadtest.gateway_process import GatewayProcess, percentile_limit_ms, share_within
from loadtest.publisher import STATE, Publisher
from loadtest.scenarios.channels import LOOP_LAG
from loadtest.scenarios.checks import HELD_MAX_S, LOOP_HELD
from loadtest.scenarios.fanout import floor_us

CHANNELS = 5_000
VIEWERS_EACH = 3
EVENTS_PER_S = 500.0
WARM_UP_S = 10.0
DURATION_S = 30.0
RATIO_MAX = 1.6
OPENING_RATE = 1000.0
TIMEOUT_S = 120.0
FLOOR_ROUNDS = 5


def run(channels: int = CHANNELS, duration_s: float = DURATION_S, warm_up_s: float = WARM_UP_S) -> dict[str, Any]:
    """`VIEWERS_EACH` viewers for each channel; `checks` says what was missed."""
    viewers = channels * VIEWERS_EACH
    with (
        GatewayProcess(listen__workers=1, aggregate__enabled="false") as gateway,
        Publisher(gateway.store_url, channels) as publisher,
        Fleet(1, viewers) as fleet,
    ):
        idle_bytes = gateway.private_bytes()
        fleet.connect(
            "127.0.0.1",
            gateway.port,
            "/v1/live?channel=match:{n}",
            viewers,
            channel="match:{n}",
            numbers=(0, channels),
            headers={"Sec-WebSocket-Protocol": "grandstand.v1.json"},
            rate_per_s=OPENING_RATE,
            retry_ms=(500, 4000),
        )
        fleet.wait_open(TIMEOUT_S)
        held_bytes = gateway.private_bytes() - idle_bytes
        publisher.start(EVENTS_PER_S)
        time.sleep(warm_up_s)
        before, cpu_s = gateway.metrics(), gateway.cpu_s()
        fleet.reset_latency()
        time.sleep(duration_s)
        latency = fleet.summary()["latency"]
        cpu_s = gateway.cpu_s() - cpu_s
        after = gateway.metrics()
        publisher.stop()
        summary = fleet.summary()
    floor = floor_us(viewers, FLOOR_ROUNDS)
    cpu_us = cpu_s * 1e6 / max(1, latency["count"])
    held = 100 - share_within(before, after, LOOP_HELD, HELD_MAX_S)
    bad = sum(int(summary[name]) for name in ("gaps", "duplicates", "violations", "malformed", "strays", "lost"))
    return {
        "scenario": "crowds",
        "channels": channels,
        "viewers": viewers,
        "events_per_s": EVENTS_PER_S,
        "latency": latency,
        "floor_us": round(floor, 2),
        "cpu_us": round(cpu_us, 2),
        "ratio": round(cpu_us / floor, 2),
        "steps_us_per_event": steps(channels),
        "bytes_per_channel": round(held_bytes / channels),
        "loop_held_percent": round(held, 3),
        "loop_lag_p999_ms": percentile_limit_ms(before, after, LOOP_LAG, 99.9),
        "raw": summary,
        "checks": [
            _check(
                f"CPU a frame, {channels} channels of {VIEWERS_EACH}, against the C loop",
                round(cpu_us / floor, 2),
                RATIO_MAX,
            ),
            _check("samples of a loop held for more than 5 ms (percent)", round(held, 3), 0.1),
            _check("gaps, duplicates and broken messages", bad, 0),
        ],
    }


def steps(channels: int, rounds: int = 3) -> dict[str, float]:
    """What the parts of one event's way take, median of some rounds over all channels."""
    limits = channel_limits(Settings())
    audience = Audience("public")
    made = [(Channel(f"match:{n}", limits), View(f"match:{n}", audience, 1024, 50)) for n in range(channels)]
    opening = msgspec.json.encode({"op": "reset", "rules": "scoreboard", "state": STATE})
    for channel, view in made:
        channel.fold(Entry(Position(1, 0), 0, opening), 0)
        view.replace(channel.doc, _version(channel, audience), [])
    encoder = Encoder(DeflateSettings())
    taken: dict[str, list[float]] = {"decode and fold": [], "view": [], "encode": []}
    event = msgspec.json.encode({"op": "score", "team": "red", "player": "p0", "sent_us": 1})
    for seq in range(1, rounds + 1):
        folded: list[Folded] = []
        deltas: list[Delta | None] = []

        def fold(seq: int = seq, folded: list[Folded] = folded) -> None:
            for channel, _ in made:
                folded.append(channel.fold(Entry(Position(1, seq), 0, event), 0))

        def advance(folded: list[Folded] = folded, deltas: list[Delta | None] = deltas) -> None:
            for (channel, view), new in zip(made, folded, strict=True):
                patch, events = audience.project_patch(new.patch), audience.project_events(list(new.events))
                deltas.append(view.advance(patch, events, 0, _version(channel, audience)))

        def encode(deltas: list[Delta | None] = deltas) -> None:
            for delta in deltas:
                assert delta is not None
                encoder.frame(delta, Encoding.JSON)

        for name, step in (("decode and fold", fold), ("view", advance), ("encode", encode)):
            taken[name].append(_timed(step) / channels)
    return {name: round(statistics.median(values), 1) for name, values in taken.items()}


def _timed(step: Callable[[], None]) -> float:
    begun = time.process_time()
    step()
    return (time.process_time() - begun) * 1e6


def _version(channel: Channel, audience: Audience) -> str:
    assert channel.position is not None
    return str(Version(channel.position, mix(channel.digest, audience.key)))


def _check(name: str, value: float, limit: float) -> dict[str, Any]:
    return {"name": name, "value": value, "limit": limit, "passed": value <= limit}
