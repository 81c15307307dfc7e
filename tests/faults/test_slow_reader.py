"""A viewer that reads nothing for 30 s at 20 events a second: bounded bytes, then one conflated message; the others go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.beat import Beat
from tests.patience import until
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio
from tests.wire.peer import Document, Peer

STALLED_S = 30.0
SEND_BUFFER_BYTES = 32_768
FILLER = "x" * 3000
"""Makes 30 s of events some 2 MB: far more than the kernel's buffers hold."""


def queued_bytes(port: int, peer_port: int) -> int:
    """What the kernel holds for one connection on the server's side (tx_queue in /proc/net/tcp)."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote = fields[1].split(":")[1], fields[2].split(":")[1]
        if (int(local, 16), int(remote, 16)) == (port, peer_port):
            return int(fields[4].split(":")[0], 16)
    raise AssertionError("no such connection")


def private_bytes(pid: int) -> int:
    """A process's own memory."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no memory")


def open_viewer(served: GatewayProcess, channel: str, way: str) -> tuple[Peer, Callable[[], dict[str, Any]]]:
    peer = Peer(served.port, receive_buffer_bytes=8192)
    if way == "ws":
        peer.upgrade(f"/v1/live?channel={channel}")
        return peer, peer.message
    peer.stream(channel)
    return peer, lambda: peer.event()[1]


def test_slow_readers_cost_bounded_bytes_and_get_one_conflated_message(tmp_path: Path) -> None:
    with gateway(tmp_path, listen__workers=1, viewers__send_buffer_bytes=SEND_BUFFER_BYTES) as served:
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:slow")
        studio.open()
        slow = {way: open_viewer(served, studio.channel, way) for way in ("ws", "sse")}
        held = {way: Document() for way in slow}
        for way, (_, message) in slow.items():
            held[way].receive(message())
        quick, quick_held = Peer(served.port).upgrade(f"/v1/live?channel={studio.channel}"), Document()
        quick_held.receive(quick.next("snapshot"))
        pid = served.workers()[0]["pid"]
        before = private_bytes(pid)
        published = 0
        with Beat(studio, 20) as beat:
            end = time.monotonic() + STALLED_S
            while time.monotonic() < end:
                published += 1
                studio.patch({"figures": {"filler": FILLER + str(published)}}, op="filler")
                quick_held.receive(quick.message())
                time.sleep(0.02)
            grown = private_bytes(pid) - before
            kernel = {way: queued_bytes(served.port, peer.sock.getsockname()[1]) for way, (peer, _) in slow.items()}
            until(lambda: sum(channel["behind"] for channel in served.channels()) == 2, "two viewers behind")
        last = len(beat.acknowledged)
        print(f"{published} events of 3 KB, user memory grew by {grown} bytes, kernel holds {kernel}")
        for way, (_, message) in slow.items():
            sizes = []
            while held[way].state.get("figures", {}).get("n") != last or "filler" not in held[way].state["figures"]:
                before_deltas, seen = held[way].deltas, held[way].version
                received = message()
                held[way].receive(received)
                if received["type"] == "delta" and held[way].deltas > before_deltas:
                    start, end_ = (
                        int(text.split("-")[1].split(".")[0]) for text in (seen or "0-0.", received["version"])
                    )
                    sizes.append(end_ - start)
            jumps = [size for size in sizes if size > 20]
            print(f"{way}: {len(sizes)} deltas, of which {len(jumps)} conflated, over {jumps} entries")
            assert len(jumps) == 1, "one message took it to the newest"
            assert held[way].snapshots == 1, "a delta, not a snapshot"
            assert held[way].state["figures"]["filler"] == FILLER + str(published)
            # Linux counts the bookkeeping of packets too: twice the buffer is its own bound (tcp(7), SO_SNDBUF in socket(7)).
            assert kernel[way] <= 2 * SEND_BUFFER_BYTES
        assert grown < 8_000_000, "the ring is bounded, and nothing is kept for a viewer that does not read"
        for peer in (quick, *(peer for peer, _ in slow.values())):
            peer.close()
        studio.close()
