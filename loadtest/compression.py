"""`python -m loadtest.compression [FOLDER]`: what compressing real deltas and snapshots gains, and what it costs.

The recordings are folded as an owner does it, one delta for each `pace.min_interval_ms` of match time in which anything happened;
each is compressed as the gateway does it. Prints tables; times are of one core, each message once for all its viewers.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from gateway.model.audience import Audience
from gateway.model.channel import Channel, ChannelLimits
from gateway.model.entry import Entry
from gateway.model.messages import encode_json
from gateway.model.patch import compose
from gateway.model.version import Position
from gateway.model.view import View
from gateway.replay.finding import discover
from gateway.replay.fold import encode_entry, reset_event
from gateway.replay.recording import Recording
from native.deflate import Deflater

FLUSH_MS = 50
SNAPSHOT_EVERY = 200
WINDOW_BYTES = 32_768
SIZES = ((0, 128), (128, 192), (192, 256), (256, 512), (512, 1024), (1024, 4096), (4096, 1 << 24))
WAYS = [*((level, 15) for level in (1, 3, 6, 9)), (6, 9)]


def messages(recording: Recording) -> tuple[list[bytes], list[bytes]]:
    """Deltas, and now and then a snapshot, as JSON."""
    channel = Channel("match:recorded", ChannelLimits(), ring=False)
    view = View("match:recorded", Audience("public", (), 0), 16, 50)
    channel.fold(Entry(Position(1, 0), None, encode_entry([reset_event(recording)])), 0)
    view.replace(channel.doc, "1-0.00000000", [])
    deltas, snapshots, number = [], [], 0
    for _, moments in groupby(recording.events, lambda moment: moment[0] // FLUSH_MS):
        patch, events = None, []
        for _, told in moments:
            number += 1
            folded = channel.fold(Entry(Position(1, number), None, encode_entry(told)), 0)
            patch = folded.patch if patch is None else compose(patch, folded.patch)
            events += folded.events
        delta = view.advance(patch or {}, events, 0, f"1-{number}.{number * 2654435761 % 2**32:08x}")
        if delta is not None:
            deltas.append(encode_json(delta))
            if len(deltas) % SNAPSHOT_EVERY == 0:
                snapshots.append(encode_json(view.snapshot("live")))
    return deltas, snapshots


def measured(payloads: list[bytes], level: int, window_bits: int) -> tuple[float, float]:
    """Bytes after for each byte before, and microseconds a message."""
    deflater = Deflater(level=level, window_bits=window_bits)
    began = time.process_time()
    after = sum(len(deflater.frame(payload, False)) for payload in payloads)
    return after / sum(map(len, payloads)), (time.process_time() - began) / len(payloads) * 1e6


def table(name: str, payloads: list[bytes]) -> None:
    print(f"\n{name}: {len(payloads)} messages, {sum(map(len, payloads)) // len(payloads)} bytes on average\n")
    print("| bytes | messages | " + " | ".join(f"level {level}, window {bits}" for level, bits in WAYS) + " |")
    print("|---|---:|" + "---:|" * len(WAYS))
    for low, high in SIZES:
        some = [payload for payload in payloads if low <= len(payload) < high]
        if some:
            cells = [measured(some, *way) for way in WAYS]
            print(
                f"| {low} to {high - 1} | {len(some)} | "
                + " | ".join(f"{ratio:.2f}, {us:.0f} µs" for ratio, us in cells)
                + " |"
            )


def preset(recordings: list[list[bytes]]) -> None:
    """Prints what a dictionary that both ends have would gain for deltas, with a new compressor for each message."""
    print("\ndeltas with a preset dictionary (RFC 1950's), level 6\n")
    print("| dictionary | bytes after for each before | µs a message |")
    print("|---|---:|---:|")

    def others(index: int) -> bytes:
        """The latest of what the other recordings have, as an end would be delivered with it."""
        rest = [
            delta
            for number, deltas in enumerate(recordings)
            if number != index
            for delta in deltas[:: len(deltas) // 40 + 1]
        ]
        return b"".join(rest)[-WINDOW_BYTES:]

    ways: dict[str, Callable[[int, list[bytes], int], bytes]] = {
        "none": lambda _index, _deltas, _at: b"",
        "deltas of other matches, 32 KB": lambda index, _deltas, _at: fixed[index],
        "deltas of other matches, 2 KB": lambda index, _deltas, _at: fixed[index][-2048:],
        "the delta before": lambda _index, deltas, at: deltas[at - 1] if at else b"",
    }
    fixed = [others(index) for index in range(len(recordings))]
    for name, dictionary in ways.items():
        before = after = 0
        began = time.process_time()
        for index, deltas in enumerate(recordings):
            for at, delta in enumerate(deltas):
                known = dictionary(index, deltas, at)
                packer = zlib.compressobj(
                    6, zlib.DEFLATED, -15, 8, zlib.Z_DEFAULT_STRATEGY, *((known,) if known else ())
                )
                after += min(len(packer.compress(delta)) + len(packer.flush(zlib.Z_SYNC_FLUSH)) - 4, len(delta))
                before += len(delta)
        us = (time.process_time() - began) / sum(map(len, recordings)) * 1e6
        print(f"| {name} | {after / before:.2f} | {us:.0f} |")


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")
    deltas: list[bytes] = []
    snapshots: list[bytes] = []
    recordings: list[list[bytes]] = []
    for found in discover(folder):
        made = messages(found.open())
        deltas += made[0]
        snapshots += made[1]
        if made[0]:
            recordings.append(made[0])
    table("deltas", deltas)
    table("snapshots", snapshots)
    preset(recordings)


if __name__ == "__main__":
    main()
