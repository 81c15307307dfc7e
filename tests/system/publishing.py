"""A publisher as a game studio would write it: nothing but a Redis client and the documented commands."""

from __future__ import annotations

import json
import time
from typing import Any

import redis

import loadtest.publisher

STATE = {"title": "Test match", **loadtest.publisher.STATE}


class Studio:
    """Publishes one match by XADD."""

    def __init__(self, url: str, channel: str) -> None:
        self.store = redis.Redis.from_url(url)
        self.channel = channel
        self.key = f"live:{{{channel}}}"
        self.epoch = 0
        self.acknowledged: list[tuple[str, dict[str, Any]]] = []

    def open(self, **state: Any) -> str:
        """A new epoch with the full state."""
        self.epoch = int(self.store.incr(f"epoch:{{{self.channel}}}"))
        return self.publish({"op": "reset", "rules": "scoreboard", "state": {**STATE, **state}})

    def publish(self, event: dict[str, Any] | list[dict[str, Any]], epoch: int | None = None) -> str:
        """Appends one entry; returns its position when the store has acknowledged it."""
        fields = {"t": str(time.time_ns() // 1_000_000), "e": json.dumps(event)}
        position = self.store.xadd(self.key, fields, id=f"{epoch or self.epoch}-*")
        text = position.decode()
        self.acknowledged.append((text, event if isinstance(event, dict) else {"events": event}))
        return text

    def score(self, team: str = "red", points: int = 1) -> str:
        """A score for a team."""
        return self.publish({"op": "score", "team": team, "points_scored": points, "player": "p0"})

    def patch(self, patch: dict[str, Any], op: str = "figures", **public: Any) -> str:
        """An event with a patch of its own."""
        return self.publish({"op": op, "patch": patch, **public})

    def close(self) -> None:
        """Closes the client."""
        self.store.close()
