"""Many channels of a few viewers each: what a delivered frame costs from the store's entry to the socket, all included.

One worker as an operator starts it, its own store; the floor is a C loop of send() over as many sockets. Beside it the steps
of one event are timed by themselves, over as many channels, so that their caches are as cold.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from gateway.bus.followed import Followed
from gateway.bus.ranges import tail_of
from gateway.model.entry import Entry
from gateway.model.version import Position
from loadtest.fleet import Fleet
from loadtest.gateway_process import GatewayProcess, percentile_limit_ms
from loadtest.publisher import Publisher
from loadtest.scenarios.channels import LOOP_LAG
from loadtest.scenarios.checks import at_most, loop_held, unbroken
from loadtest.scenarios.fanout import Mismatch, floor_us
from loadtest.scenarios.plain_step import step_us
from loadtest.servers import native_table, plain_gateway
from loadtest.servers.child import Server
from loadtest.servers.process import cpu_s
from native.replies import RangeReplies

CHANNELS = 5_000
VIEWERS_EACH = 3
RATES = (500.0, 5_000.0)
"""Events a second over all channels; the last is the one that is held against the bound: a crowd of live matches, 1 Hz each."""
WARM_UP_S = 8.0
DURATION_S = 15.0
RATIO_MAX = 1.6
PEERS = {"picows": plain_gateway.on_picows, "websockets": plain_gateway.on_websockets}
OPENING_RATE = 1000.0
PEER_OPENING_RATE = 2000.0
PEER_WARM_UP_S = 4.0
"""They have nothing to load, and no pace that settles."""
TIMEOUT_S = 120.0
FLOOR_ROUNDS = 5
SETTLED_S = 1.5
"""After the last event everything has been read and flushed."""
QUIET_S = 7.0
"""As long as that no channel ticks: a tick comes after ten seconds."""


def run(
    channels: int = CHANNELS,
    duration_s: float = DURATION_S,
    warm_up_s: float = WARM_UP_S,
    rates: tuple[float, ...] = RATES,
) -> dict[str, Any]:
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
        phases = [_phase(gateway, publisher, fleet, rate, warm_up_s, duration_s) for rate in rates]
        publisher.stop()
        time.sleep(SETTLED_S)
        used_s = gateway.cpu_s()
        time.sleep(QUIET_S)
        quiet_cores = (gateway.cpu_s() - used_s) / QUIET_S
        summary = fleet.summary()
    floor = floor_us(viewers, FLOOR_ROUNDS)
    paced = paced_floor_us(viewers, VIEWERS_EACH * rates[-1], duration_s / 2)
    settle_s = min(warm_up_s, PEER_WARM_UP_S)
    written = [peer(name, main, channels, rates[-1], settle_s, duration_s) for name, main in PEERS.items()]
    for phase in (*phases, *written):
        phase["ratio"] = round(phase["cpu_us"] / floor, 2)
    standard = phases[-1]
    taken = steps(channels) | {
        "send": round(VIEWERS_EACH * floor, 1),
        "wake": round(VIEWERS_EACH * (paced - floor), 1),
        "watch": round(quiet_cores * 1e6 / standard["events_per_s"], 1),
    }
    return {
        "scenario": "crowds",
        "channels": channels,
        "viewers": viewers,
        "rates": phases,
        "peers": written,
        "floor_us": round(floor, 2),
        "paced_floor_us": round(paced, 2),
        "quiet_cores": round(quiet_cores, 3),
        "cpu_us": standard["cpu_us"],
        "ratio": standard["ratio"],
        "steps_us_per_event": {
            **taken,
            "other": round(VIEWERS_EACH * standard["cpu_us"] - sum(taken.values()), 1),
        },
        "bytes_per_channel": round(held_bytes / channels),
        "raw": summary,
        "checks": [
            at_most(
                f"CPU a frame, {channels} channels of {VIEWERS_EACH}, {standard['events_per_s']:,.0f} events/s, "
                "against the C loop",
                standard["ratio"],
                RATIO_MAX,
            ),
            *(phase["held"] for phase in phases),
            unbroken(summary),
        ],
    }


def paced_floor_us(viewers: int, frames_per_s: float, duration_s: float) -> float:
    """Processor time of the C loop for a frame when it sends no faster than events come: its readers sleep in between.

    Raises:
        Mismatch: not everything was received.
    """
    with Server(native_table.main, viewers) as server, Fleet(1, viewers) as fleet:
        fleet.connect(
            "127.0.0.1",
            server.port,
            "/",
            viewers,
            channel="match:1",
            rate_per_s=PEER_OPENING_RATE,
            retry_ms=(500, 4000),
        )
        fleet.wait_open(TIMEOUT_S)
        sent, used_s = server.ask("paced", frames_per_s, duration_s)
        messages = _all_received(fleet, viewers + sent)["messages"]
    if messages != viewers + sent:
        raise Mismatch(f"the C loop: {messages} of {viewers + sent} messages")
    return float(used_s) * 1e6 / max(1, int(sent))


def peer(
    name: str, main: Callable[..., None], channels: int, events_per_s: float, warm_up_s: float, duration_s: float
) -> dict[str, Any]:
    """A gateway written by hand under the same events.

    Raises:
        Mismatch: not every viewer received exactly what was published.
    """
    viewers = channels * VIEWERS_EACH
    with (
        GatewayProcess(listen__workers=1, aggregate__enabled="false") as store,
        Publisher(store.store_url, channels, one_stream=True) as publisher,
        Server(partial(main, url=store.store_url), viewers) as server,
        Fleet(1, viewers) as fleet,
    ):
        fleet.connect(
            "127.0.0.1",
            server.port,
            "/v1/live?channel=match:{n}",
            viewers,
            channel="match:{n}",
            numbers=(0, channels),
            rate_per_s=PEER_OPENING_RATE,
            retry_ms=(500, 4000),
        )
        fleet.wait_open(TIMEOUT_S)
        publisher.start(events_per_s)
        time.sleep(warm_up_s)
        used_s = cpu_s(server.pid)
        fleet.reset_latency()
        time.sleep(duration_s)
        latency = fleet.summary()["latency"]
        used_s = cpu_s(server.pid) - used_s
        expected = viewers + VIEWERS_EACH * int(publisher.stop()["published"])
        summary = _all_received(fleet, expected)
    broken = unbroken(summary)["value"]
    if summary["messages"] != expected or broken:
        raise Mismatch(f"{name}: {summary['messages']} of {expected} messages, {broken} broken")
    return {
        "name": name,
        "events_per_s": events_per_s,
        "latency": latency,
        "cpu_us": round(used_s * 1e6 / max(1, latency["count"]), 2),
        "cores": round(used_s / duration_s, 2),
    }


def _all_received(fleet: Fleet, messages: int) -> dict[str, Any]:
    """The fleet's counts when all messages have come, or after a while."""
    deadline = time.monotonic() + TIMEOUT_S
    while (summary := fleet.summary())["messages"] < messages and time.monotonic() < deadline:
        time.sleep(0.1)
    return summary


def _phase(
    gateway: GatewayProcess,
    publisher: Publisher,
    fleet: Fleet,
    events_per_s: float,
    warm_up_s: float,
    duration_s: float,
) -> dict[str, Any]:
    """One rate of events."""
    publisher.start(events_per_s)
    time.sleep(warm_up_s)
    before, used_s = gateway.metrics(), gateway.cpu_s()
    fleet.reset_latency()
    time.sleep(duration_s)
    latency = fleet.summary()["latency"]
    used_s = gateway.cpu_s() - used_s
    after = gateway.metrics()
    return {
        "events_per_s": events_per_s,
        "latency": latency,
        "cpu_us": round(used_s * 1e6 / max(1, latency["count"]), 2),
        "cores": round(used_s / duration_s, 2),
        "loop_lag_p999_ms": percentile_limit_ms(before, after, LOOP_LAG, 99.9),
        "held": loop_held(before, after, f", {events_per_s:,.0f} events/s"),
    }


def steps(channels: int, rounds: int = 3) -> dict[str, float]:
    """What the parts of one event's way take before it is sent, median of some rounds over all channels.

    Returns:
        `read`: the store's reply; `step`: all from the entry's bytes to the frame.
    """
    event = msgspec.json.encode({"op": "score", "team": "red", "player": "p0", "sent_us": 1})
    followed = [Followed.of(f"match:{number}", _Nobody(), None, None) for number in range(channels)]
    taken: list[float] = []
    for seq in range(rounds + 1):
        replies = [b"*2\r\n" + b"".join(_entry_reply(number, event) for number in (seq, seq + 1)) for _ in followed]

        def read(replies: list[bytes] = replies) -> None:
            reader = RangeReplies(Entry, Position, tail_of)
            reader.expect(followed)
            for channel, reply in zip(followed, replies, strict=True):
                channel.last = reader.feed(reply)[0][-1]

        taken.append(_timed(read) / channels)
    # In the first round nothing is known yet.
    return {"read": round(statistics.median(taken[1:]), 1), "step": round(step_us(channels, rounds), 1)}


class _Nobody:
    """Follows, and is given nothing."""

    def on_entries(self, channel: str, entries: list[Entry]) -> None: ...
    def on_confirm_failed(self, channel: str) -> None: ...
    def on_store(self, connected: bool) -> None: ...
    def on_broken(self, channel: str, reason: str) -> None: ...


def _entry_reply(seq: int, event: bytes) -> bytes:
    """One entry in the store's reply to XRANGE."""
    name = b"1-%d" % seq
    return b"*2\r\n$%d\r\n%b\r\n*4\r\n$1\r\nt\r\n$1\r\n0\r\n$1\r\ne\r\n$%d\r\n%b\r\n" % (
        len(name), name, len(event), event,
    )  # fmt: skip


def _timed(step: Callable[[], None]) -> float:
    gc.collect()
    gc.disable()
    try:
        begun = time.process_time()
        step()
        return (time.process_time() - begun) * 1e6
    finally:
        gc.enable()
