"""Whom boards are searched for: members by id, and by name in the documents of the matches in which they made points."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.aggregate.boards.ledger import Ledger
from gateway.aggregate.boards.tally import Counted
from gateway.bus.errors import BusError
from gateway.model.channel import Channel
from gateway.observe.log import logger

KNOWN_MAX = 200_000
NAME_MAX_CHARS = 128


class Names:
    """Tells the store of members and names that are new."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[str, str] = {}
        self._fresh: dict[str, str] = {}

    def learn(self, channel: Channel | None, counted: Iterable[Counted]) -> None:
        """Looks for the names of members that have just been counted in their match's document; not all have one there."""
        found = channel.doc.get("players") if channel is not None else None
        players: dict[str, Any] = found if isinstance(found, dict) else {}
        for member in {member for one in counted for tally in one.groups.values() for member in tally}:
            row = players.get(member)
            given = row.get("name") if isinstance(row, dict) else None
            name = given if isinstance(given, str) and len(given) <= NAME_MAX_CHARS else ""
            known = self._known.get(member)
            if known is None or (name and known != name):
                if len(self._known) >= KNOWN_MAX:
                    self._known.clear()
                self._known[member] = self._fresh[member] = name

    async def tell(self) -> None:
        """Writes what is new.

        Raises:
            Unavailable: it is lost until this process or another one sees them anew.
        """
        if self._fresh:
            names, self._fresh = self._fresh, {}
            try:
                await self._ledger.name(names)
            except BusError as error:
                if error.temporary:
                    raise
                logger.warning("names_not_told", detail=str(error))
