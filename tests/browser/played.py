"""A football match of forty minutes as it is when somebody opens its page late: all of it is in the stream and in the history."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

from tests.databases import postgres
from tests.patience import until
from tests.system.gateway import GatewayProcess, gateway
from tests.system.publishing import Studio

MINUTES = 40
GOALS = {8: "red", 17: "blue", 27: "red"}
"""By minute; each is told half way through it."""
STATE = {
    "title": "Opened late",
    "game": "football",
    "status": "live",
    "clock": {"t_ms": 0, "running": True, "period": "1H"},
    "teams": {"red": {"name": "Red", "score": 0, "order": 0}, "blue": {"name": "Blue", "score": 0, "order": 1}},
    "players": {f"p{n}": {"name": f"Player {n}", "team": "red" if n < 3 else "blue", "goals": 0} for n in range(6)},
}


def clock(t_ms: int) -> dict[str, object]:
    """As a match server tells its clock."""
    return {"op": "clock", "t_ms": t_ms, "running": True, "period": "1H"}


def play(studio: Studio) -> int:
    """Publishes the match as if it had been played until now: its clock and a pass every ten seconds. The number of events."""
    studio.epoch = int(studio.store.incr(f"epoch:{{{studio.channel}}}"))
    began_ms = time.time_ns() // 1_000_000 - MINUTES * 60_000
    pipe = studio.store.pipeline()

    def publish(t_ms: int, event: object) -> None:
        pipe.xadd(studio.key, {"t": str(began_ms + t_ms), "e": json.dumps(event)}, id=f"{studio.epoch}-*")

    publish(0, {"op": "reset", "rules": "scoreboard", "state": STATE})
    count = 0
    for t_ms in range(10_000, MINUTES * 60_000 + 1, 10_000):
        side = "red" if t_ms < 20 * 60_000 else "blue"
        passed = {
            "op": "pass",
            "actor": "p1" if side == "red" else "p4",
            "team": side,
            "kind": f"pass {t_ms // 10_000}",
        }
        publish(t_ms, [clock(t_ms), passed])
        count += 1
        minute, into_ms = divmod(t_ms, 60_000)
        if into_ms == 30_000 and minute in GOALS:
            publish(t_ms, {"op": "score", "team": GOALS[minute], "actor": "p0" if GOALS[minute] == "red" else "p5"})
            count += 1
    pipe.execute()
    return count


@contextlib.contextmanager
def played(folder: Path) -> Iterator[tuple[GatewayProcess, Studio]]:
    """A gateway with history, and the match `match:late` with all of it stored."""
    # Its publisher is silent for as long as it is looked at.
    settings: dict[str, object] = {"history__flush_ms": 20, "channel__feed_entries": 60, "pace__paused_after_s": 600}
    with (
        postgres(folder / "postgres") as server,
        gateway(folder, listen__workers=1, history__url=server.url, **settings) as served,
    ):
        studio = Studio(served.wait_for_log("embedded_store", 1)["url"], "match:late")
        try:
            count = play(studio)
            until(lambda: served.metric("grandstand_history_entries_total") > count, "the history")
            yield served, studio
        finally:
            studio.close()
