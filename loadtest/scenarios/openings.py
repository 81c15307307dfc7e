"""Opening handshakes: how many viewers a second one process lets in, each with its first snapshot, and what each one holds.

The same client against all servers, one after the other in every round, so that a noisy machine is noisy for all; a round
is over when every viewer has its first message. Grandstand runs as an operator starts it, with one worker.
Bounds are on openings a second by the clock. The client has the other core and is the slower side against the faster
servers; processor time for each opening, which stands beside, says how far the server is from being the limit.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jwt
import msgspec
import redis

from loadtest.fleet import Fleet
from loadtest.gateway_process import GatewayProcess
from loadtest.memory import private_bytes, slab_bytes
from loadtest.payload import CHANNEL, snapshot
from loadtest.scenarios.checks import at_least, at_most, loop_held
from loadtest.servers import opening_floor, picows_broadcast, websockets_broadcast
from loadtest.servers.child import Server
from loadtest.servers.process import NodeServer, cpu_s

VIEWERS = 8_000
ROUNDS = 7
TOKEN_MIN_PER_S = 10_000
OPEN_MIN_PER_S = 15_000
FLOOR_SHARE_MIN = 0.5
MEMORY_MAX_BYTES = 307
TIMEOUT_S = 120.0
LIVE = f"/v1/live?channel={CHANNEL}"
SECRET = "for benches only, thirty-two bytes or more"


@dataclass(slots=True)
class Target:
    """One server: where it listens, and which process is looked at."""

    name: str
    port: int
    pid: int
    path: str = "/"
    headers: dict[str, str] | None = None


@dataclass(slots=True)
class Round:
    """One crowd that came to one server."""

    name: str
    per_s: float
    cpu_us: float
    user_bytes: float
    kernel_bytes: float


def run(viewers: int = VIEWERS, rounds: int = ROUNDS, peers: bool = True) -> dict[str, Any]:
    """All servers; `checks` says which bound was missed."""
    found: list[Round] = []
    first: dict[str, Round] = {}
    with _servers(peers) as (targets, gateway):
        before = gateway.metrics()
        for number in range(-1, rounds):
            for target in targets if number % 2 == 0 else reversed(targets):
                result = _round(target, viewers)
                if number >= 0:
                    found.append(result)
                else:
                    # The first of each warms caches (a token's, too); memory that it leaves behind serves all that follow.
                    first[target.name] = result
        after = gateway.metrics()
    names = list(dict.fromkeys(r.name for r in found))
    by_name = {name: [r for r in found if r.name == name] for name in names}
    floor = by_name["floor"]
    servers = {}
    for name, of in by_name.items():
        pairs = list(zip(of, floor, strict=True))
        servers[name] = {
            # What else the machine does only makes it slower.
            "per_s_best": round(max(r.per_s for r in of)),
            "per_s": round(statistics.median(r.per_s for r in of)),
            "per_s_quartiles": [round(value) for value in statistics.quantiles((r.per_s for r in of), n=4)],
            "per_s_share": round(statistics.median(ours.per_s / bound.per_s for ours, bound in pairs), 3),
            "floor_share": round(statistics.median(bound.cpu_us / ours.cpu_us for ours, bound in pairs), 3),
            "cpu_us": round(statistics.median(r.cpu_us for r in of), 1),
            "user_bytes": round(first[name].user_bytes),
            "kernel_bytes": round(statistics.median(r.kernel_bytes for r in of)),
        }
    return {
        "scenario": "openings",
        "viewers": viewers,
        "servers": servers,
        "rounds": [asdict(r) for r in found],
        "checks": checks_of(servers, loop_held(before, after)),
    }


def checks_of(servers: dict[str, Any], held: dict[str, Any]) -> list[dict[str, Any]]:
    """What the figures are held against."""
    token, unknown = servers["token"], servers["open"]
    return [
        at_least("openings a second, token checked (median)", token["per_s"], TOKEN_MIN_PER_S),
        at_least("openings a second, no token (median)", unknown["per_s"], OPEN_MIN_PER_S),
        at_least("openings a second against the floor's, token checked", token["per_s_share"], FLOOR_SHARE_MIN),
        at_least("openings a second against the floor's, no token", unknown["per_s_share"], FLOOR_SHARE_MIN),
        at_most(
            "user memory a viewer with user id, limits and subscription (bytes)", token["user_bytes"], MEMORY_MAX_BYTES
        ),
        held,
    ]


@contextmanager
def _servers(peers: bool) -> Iterator[tuple[list[Target], GatewayProcess]]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grandstand-bench-")))
        keys = directory / "keys"
        keys.write_text(SECRET)
        keys.chmod(0o600)
        floor = stack.enter_context(Server(opening_floor.main, 0))
        gateway = stack.enter_context(
            GatewayProcess(listen__workers=1, access__keys_file=keys, aggregate__enabled="false")
        )
        _open_channel(gateway.store_url)
        claims = {"sub": "bench", "scope": "watch", "channels": ["match:*"], "exp": int(time.time()) + 86_400}
        token = jwt.encode(claims, SECRET, algorithm="HS256")
        targets = [
            Target("floor", floor.port, floor.pid),
            Target("token", gateway.port, gateway.pids[0], LIVE, {"Authorization": f"Bearer {token}"}),
            Target("open", gateway.port, gateway.pids[0], LIVE),
        ]
        if peers:
            node = stack.enter_context(NodeServer(snapshot(1).decode()))
            targets.append(Target("ws", node.port, node.pid))
            for name, main in (("picows", picows_broadcast.main), ("websockets", websockets_broadcast.main)):
                peer = stack.enter_context(Server(main, 0))
                targets.append(Target(name, peer.port, peer.pid))
        yield targets, gateway


def _open_channel(url: str) -> None:
    """A match whose snapshot is about as small as what the other servers send."""
    with redis.Redis.from_url(url) as store:
        epoch = store.incr(f"epoch:{{{CHANNEL}}}")
        event = msgspec.json.encode({"op": "reset", "rules": "scoreboard", "state": {}})
        store.xadd(f"live:{{{CHANNEL}}}", {"t": time.time_ns() // 1_000_000, "e": event}, id=f"{epoch}-*")


def _round(target: Target, viewers: int) -> Round:
    with Fleet(1, viewers) as fleet:
        fleet.cpu_s()
        memory, slab = private_bytes(target.pid), slab_bytes()
        cpu, begun = cpu_s(target.pid), time.monotonic()
        fleet.connect(
            "127.0.0.1",
            target.port,
            target.path,
            viewers,
            channel=CHANNEL,
            headers=target.headers,
            retry_ms=(200, 2000),
        )
        fleet.wait_open(TIMEOUT_S)
        fleet.expect(1, TIMEOUT_S)
        fleet.wait_expected(TIMEOUT_S)
        took_s, cpu = time.monotonic() - begun, cpu_s(target.pid) - cpu
        held, slab = private_bytes(target.pid) - memory, slab_bytes() - slab
        return Round(target.name, viewers / took_s, cpu * 1e6 / viewers, held / viewers, slab / viewers)
